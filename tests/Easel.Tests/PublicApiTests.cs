using System.Reflection;
using System.Runtime.CompilerServices;
using Easel.Server;
using PublicApiGenerator;

namespace Easel.Tests;

/// <summary>Guards what a user of the NuGet package sees: nothing changes unnoticed, nothing of the libraries underneath shows, and the shells use nothing
/// else.</summary>
public sealed class PublicApiTests
{
    private const string Accept = "EASEL_ACCEPT_API";

    /// <summary>What there is today; more is a decision.</summary>
    private const int MostTypes = 75;

    private static Assembly Library { get; } = typeof(ImageGenerator).Assembly;

    private static string Api { get; } = Library.GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false });

    [Fact]
    public void IsTheOneThatWasAgreed()
    {
        var file = Path.Combine(Path.GetDirectoryName(Here())!, "PublicApi.txt");
        if (Environment.GetEnvironmentVariable(Accept) == "1") File.WriteAllText(file, Api.ReplaceLineEndings("\n"));
        var (agreed, now) = (Lines(File.ReadAllText(file)), Lines(Api));
        var changes = agreed.Except(now).Select(line => "- " + line).Concat(now.Except(agreed).Select(line => "+ " + line)).ToList();
        Assert.True(agreed.SequenceEqual(now), "The public API is not the one in tests/Easel.Tests/PublicApi.txt. If that is meant, run this test once with "
            + $"{Accept}=1, which writes the file anew, and commit it.\n{string.Join('\n', changes)}");
    }

    [Fact]
    public void ShowsNothingOfTheLibrariesUnderneath()
    {
        Assert.DoesNotContain("TorchSharp", Api, StringComparison.Ordinal);
        Assert.DoesNotContain("SkiaSharp", Api, StringComparison.Ordinal);
        Assert.DoesNotContain("YamlDotNet", Api, StringComparison.Ordinal);
    }

    [Fact]
    public void IsSmall()
    {
        var types = Library.GetExportedTypes().Where(type => !type.IsNested).ToList();
        Assert.InRange(types.Count, 1, MostTypes);
        Assert.Equal(["Easel", "Easel.Imaging", "Easel.Metadata"], types.Select(type => type.Namespace).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void IsAllThatTheShellsHave()
    {
        Assert.Equal(["Easel.Benchmarks", "Easel.Fuzz", "Easel.Server.Tests", "Easel.Tests", "Easel.Torture", "Easel.Training"], FriendsOf(Library));
        Assert.DoesNotContain("Easel.Cli", FriendsOf(typeof(EaselServer).Assembly));
    }

    private static IEnumerable<string> FriendsOf(Assembly assembly) =>
        assembly.GetCustomAttributes<InternalsVisibleToAttribute>().Select(friend => friend.AssemblyName).Order(StringComparer.Ordinal);

    private static List<string> Lines(string text) => [.. text.ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd()).Where(line =>
        line.Length > 0)];

    private static string Here([CallerFilePath] string path = "") => path;
}
