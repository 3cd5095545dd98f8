using System.Diagnostics;
using Easel.Weights;

namespace Easel.Tests.Weights;

/// <summary>Guards that a text beside a model costs no more than it should, and that whatever is wrong with one is a sentence.</summary>
public sealed class SettingsFileTests : IDisposable
{
    private const long Generous = 64 << 20;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Ten lists, each of ten times the one before.</summary>
    private static string Laughs { get; } = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + string.Concat(Enumerable.Range(1, 12).Select(i => $"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n"));

    public static TheoryData<string, bool> Yamls() => new()
    {
        { Laughs, true }, // said once each, and nobody asks for them
        { "model: &m {params: {parameterization: v}}\nother: *m", true },
        { "base: &b {parameterization: v}\nmodel: {params: {<<: *b}}", true },
        { "", true },
        { "# nothing", true },
        { "- a\n- b", true },
        { new string('[', 100_000), false },
        { string.Concat(Enumerable.Repeat("{a: ", 20_000)), false },
        { string.Concat(Enumerable.Range(0, 5000).Select(i => new string(' ', i) + "a:\n")), false },
        { "a: *nobody", false },
        { "a: &a [*a]", false },
        { "a: 1\na: 2", false },
        { "? [a, b]\n: c", false },
        { "a: \"\\ud800\"", false },
        { "a: \"\\Uffffffff\"", false },
        { "a: [1, 2", false },
        { "a: b: c", false },
        { "%YAML 9.9\n---\na", false },
        { new string('x', 2 << 20), false },
        { "model: {params: {linear_start: nan}}", false },
        { "model: {params: {linear_start: 1e999}}", false },
        { "model: {params: {scale_factor: 0}}", false },
        { "model: {params: {scale_factor: [1]}}", true },
        { "model: {params: {unet_config: {params: {num_heads: 99999999999999999999}}}}", true },
    };

    [Theory]
    [MemberData(nameof(Yamls))]
    public void YamlIsReadOrRefusedInASentence(string text, bool sound) => Check("model.yaml", text, sound);

    public static TheoryData<string, bool> Jsons() => new()
    {
        { "{}", true }, { "\uFEFF{\"num_attention_heads\":8}", true }, { "{\"num_attention_heads\":null}", true }, { "{\"num_attention_heads\":\"x\"}", true },
        { new string('[', 100_000), false }, { string.Concat(Enumerable.Repeat("{\"a\":", 100_000)), false }, { "[]", false }, { "1", false }, { "", false },
        { "{\"a\":1,\"a\":2}", false }, { "{\"x\":\"\\ud800\"}", false }, { "{\"\\udc00\":1}", false }, { "{\"x\":[{\"y\":\"\\ud800\\ud800\"}]}", false },
        { "{\"x\":\"" + new string('y', 2 << 20) + "\"}", false }, { "{\"num_attention_heads\":1e999}", true }, { "<html>", false },
    };

    [Theory]
    [MemberData(nameof(Jsons))]
    public void JsonIsReadOrRefusedInASentence(string text, bool sound) => Check("text_config.json", text, sound);

    [Fact]
    public void WhatIsNoFileIsToldAndNotOpened()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There are no pipes among its files.");
        using (var made = Process.Start("mkfifo", _folder.Path("text_config.json"))) made.WaitForExit();
        Assert.Contains("is a pipe", Assert.Throws<CheckpointException>(() => Read()).Message);
        Assert.Contains("is a pipe", Assert.Throws<EaselException>(() => Easel.Imaging.ImageFile.Load(_folder.Path("text_config.json"))).Message);
        Assert.Contains("is a pipe", Assert.Throws<CheckpointException>(() => ModelFile.Read(_folder.Path("text_config.json"))).Message);
        File.Delete(_folder.Path("text_config.json"));
        File.CreateSymbolicLink(_folder.Path("model.yaml"), "/dev/zero");
        Assert.Contains("is a device", Assert.Throws<CheckpointException>(() => Read()).Message);
        Assert.Contains("is a device", Assert.Throws<EaselException>(() => Easel.Imaging.ImageFile.KindOf(_folder.Path("model.yaml"))).Message);
        File.CreateSymbolicLink(_folder.Path("self.ckpt"), _folder.Path("self.ckpt"));
        Assert.Throws<CheckpointException>(() => ModelFile.Read(_folder.Path("self.ckpt")));
    }

    private ModelSettings Read() => ModelSettings.Beside(_folder.Path("model.ckpt"), null);

    private void Check(string name, string text, bool sound)
    {
        File.WriteAllText(_folder.Path(name), text);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var refusal = Record.Exception(() => Read());
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < Generous, "took too much memory");
        if (sound) Assert.Null(refusal);
        else Assert.Matches(@"^[^\n]*\.$", Assert.IsType<CheckpointException>(refusal).Message);
    }
}
