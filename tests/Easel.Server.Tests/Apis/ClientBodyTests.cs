using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Easel.Server.Tests.Support;
using Easel.Tests.Support;
using Easel.Tests.Weights;
using static Easel.Server.Tests.Support.Sdapi;

namespace Easel.Server.Tests.Apis;

/// <summary>Guards that what programs send which others wrote is taken as they send it (tests/clients/bodies.json), and that what was passed over is
/// told.</summary>
public sealed class ClientBodyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task BodiesOfClientsAreTaken()
    {
        await using var server = await RunningServer.Start(RunningServer.OptionsFor(_folder) with { StylesFile = null });
        var (picture, mask, wrong) = (Base64(Shaded(128, 96)), Base64(Half(128, 96).ToRgb()), new List<string>());
        var file = File.ReadAllText(Path.Combine(Goldens.Path("."), "..", "clients", "bodies.json"));
        foreach (var row in JsonDocument.Parse(file).RootElement.EnumerateArray())
        {
            var body = row.GetProperty("body").GetRawText().Replace("<png>", picture, StringComparison.Ordinal)
                .Replace("<mask>", mask, StringComparison.Ordinal).Replace("<model>", RunningServer.ModelName, StringComparison.Ordinal);
            var answer = await server.Client.PostAsync(row.GetProperty("route").GetString(), new StringContent(body, Encoding.UTF8, "application/json"));
            var reply = await answer.Content.ReadFromJsonAsync<JsonElement>();
            if (Fault(row, answer.IsSuccessStatusCode, reply) is { } fault) wrong.Add($"{row.GetProperty("client")}: {fault}");
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    /// <summary>What is not as it should be; null for nothing.</summary>
    private static string? Fault(JsonElement row, bool isGood, JsonElement reply)
    {
        if (row.TryGetProperty("refused", out var field))
            return !isGood && reply.ToString().Contains(field.GetString()!, StringComparison.Ordinal) ? null : $"should be refused by name, not {Short(reply)}";
        if (!isGood) return $"refused: {Short(reply)}";
        var sentences = reply.TryGetProperty("info", out var info) ? JsonDocument.Parse(info.GetString()!).RootElement.GetProperty("comments").GetString()!
            : reply.TryGetProperty("remarks", out var remarks) ? remarks.ToString() : "";
        if (row.TryGetProperty("told", out var names))
        {
            foreach (var name in names.EnumerateArray())
                if (!sentences.Contains(name.GetString()!, StringComparison.Ordinal)) return $"{name} was passed over in silence; told was: {sentences}";
        }
        else if (sentences.Length > 0)
        {
            return $"nothing was to be told, but: {sentences}";
        }
        if (!reply.TryGetProperty("images", out var images)) return null;
        if (images.GetArrayLength() != (row.TryGetProperty("drawn", out var drawn) ? drawn.GetInt32() : 1)) return $"{images.GetArrayLength()} pictures";
        var picture = Picture(images[0].GetBytesFromBase64());
        return !row.TryGetProperty("size", out var size) || (size[0].GetInt32(), size[1].GetInt32()) == (picture.Width, picture.Height) ? null
            : $"{picture.Width}x{picture.Height} was drawn";
    }

    private static string Short(JsonElement reply) => reply.ToString() is { Length: > 300 } text ? text[..300] : reply.ToString();
}
