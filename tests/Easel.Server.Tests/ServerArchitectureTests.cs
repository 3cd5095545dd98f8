using System.Reflection;
using System.Text.RegularExpressions;

namespace Easel.Server.Tests;

/// <summary>Guards the order of the server's folders: each uses only those before it, and the faces know nothing of one another.</summary>
public sealed partial class ServerArchitectureTests
{
    private static readonly string[] Order = ["Errors", "Json", "Storage", "Library", "Jobs", "Farm", "Security"];
    private static readonly string[] Faces = ["Api", "Sdapi", "OpenAi", "Mcp", "Page"];

    [Fact]
    public void EachFolderUsesOnlyThoseBeforeIt()
    {
        var root = typeof(ServerArchitectureTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "ServerSource").Value!;
        var folders = Directory.EnumerateDirectories(root).Select(path => Path.GetFileName(path)!).Except(["bin", "obj"]).Order();
        Assert.Equal(Order.Concat(Faces).Order(), folders);
        foreach (var folder in Order.Concat(Faces))
        {
            var allowed = Faces.Contains(folder) ? [.. Order, folder] : Order.TakeWhile(other => other != folder).Append(folder).ToArray();
            var files = Directory.EnumerateFiles(Path.Combine(root, folder), "*", SearchOption.AllDirectories);
            foreach (var file in files.Where(path => Path.GetExtension(path) is ".cs" or ".razor"))
            {
                var used = Uses().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value);
                Assert.True(!used.Except(allowed).Any(), $"{file} uses {string.Join(", ", used.Except(allowed))}; {folder} stands below or beside.");
            }
        }
    }

    [GeneratedRegex(@"^\s*@?using (?:static )?Easel\.Server\.(\w+)", RegexOptions.Multiline)]
    private static partial Regex Uses();
}
