using System.Text.RegularExpressions;
using Easel.Server.Errors;
using Easel.Server.Jobs;
using Easel.Server.Library;

namespace Easel.Server.Security;

/// <summary>Takes the folders of this machine out of what is told to those who may not know them (<see cref="Caller.MaySeePaths"/>). A file keeps its name, and
/// in a folder that the server works with its place in there.</summary>
internal sealed partial class MachinePaths(ServerOptions options) : IDiscretion
{
    /// <summary>The folders that the server works with, the deepest first.</summary>
    private readonly IReadOnlyList<string> _folders =
    [
        .. new[]
        {
            options.OutputFolder, AppContext.BaseDirectory, Path.GetTempPath(), Environment.CurrentDirectory,
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile),
        }.Concat(options.Load.LoraFolders).Concat(options.Load.EmbeddingFolders).Concat(options.Load.ControlFolders)
            .Concat(options.Models.Select(model => File.Exists(model) ? Path.GetDirectoryName(Path.GetFullPath(model)) : model))
            .Where(folder => !string.IsNullOrEmpty(folder)).Select(folder => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder!)))
            .Where(folder => Path.GetFileName(folder).Length > 0).Distinct().OrderByDescending(folder => folder.Length),
    ];

    string IDiscretion.Told(HttpContext context, string sentence) => Told(context, sentence);

    /// <summary>A sentence for a caller, no longer than one that can be read.</summary>
    public static string Told(HttpContext context, string sentence) =>
        Brief.Of(Of(context) is { } paths ? paths.Without(sentence) : sentence);

    /// <summary>A job for a caller.</summary>
    public static Job Told(HttpContext context, Job job) => Of(context) is { } paths ? paths.Without(job) : job;

    /// <summary>Jobs for a caller.</summary>
    public static IReadOnlyList<Job> Told(HttpContext context, IReadOnlyList<Job> jobs) => Of(context) is { } paths ? [.. jobs.Select(paths.Without)] : jobs;

    /// <summary>Models for a caller.</summary>
    public static IReadOnlyList<ModelEntry> Told(HttpContext context, IReadOnlyList<ModelEntry> entries) =>
        Of(context) is { } paths ? [.. entries.Select(paths.Without)] : entries;

    /// <summary>What is fetched, for a caller.</summary>
    public static IReadOnlyList<ModelPullStatus> Told(HttpContext context, IReadOnlyList<ModelPullStatus> pulls) => Of(context) is { } paths
        ? [.. pulls.Select(pull => pull.Error is { } error ? pull with { Error = paths.Without(error) } : pull)] : pulls;

    /// <summary>A model without where it lies: the name of its file alone.</summary>
    public ModelEntry Without(ModelEntry entry) => entry with
    {
        Path = Path.GetFileName(entry.Path),
        Problem = entry.Problem is { } problem ? Without(problem) : null,
        Remarks = [.. entry.Remarks.Select(Without)],
    };

    /// <summary>A job without folders.</summary>
    public Job Without(Job job) => job.Error is null && job.Remarks.Count == 0 ? job
        : job with { Error = job.Error is { } error ? Without(error) : null, Remarks = [.. job.Remarks.Select(Without)] };

    /// <summary>What takes folders out for a caller; null for one who may know them.</summary>
    private static MachinePaths? Of(HttpContext context) =>
        Caller.MaySeePaths(context) ? null : context.RequestServices.GetRequiredService<MachinePaths>();

    /// <summary>A sentence without folders.</summary>
    public string Without(string sentence)
    {
        foreach (var folder in _folders)
        {
            for (var at = sentence.IndexOf(folder, StringComparison.Ordinal); at >= 0; at = sentence.IndexOf(folder, at, StringComparison.Ordinal))
            {
                var end = at + folder.Length;
                if (end < sentence.Length && (char.IsLetterOrDigit(sentence[end]) || sentence[end] is '-' or '_'))
                {
                    at = end; // another folder, whose name begins alike
                    continue;
                }
                // What lies in the folder is named from there on, and the folder itself by its name.
                var goesOn = end + 1 < sentence.Length && IsSeparator(sentence[end]) && !char.IsWhiteSpace(sentence[end + 1]) && !IsQuote(sentence[end + 1]);
                var name = goesOn ? "" : Path.GetFileName(folder);
                sentence = sentence[..at] + name + sentence[(goesOn ? end + 1 : end)..];
                at += name.Length;
            }
        }
        return Absolute().Replace(Quoted().Replace(sentence, ""), "");
    }

    private static bool IsSeparator(char c) => c is '/' or '\\';

    private static bool IsQuote(char c) => c is '\'' or '"' or '`';

    /// <summary>The folders of a path in quotation marks, blanks in their names included.</summary>
    [GeneratedRegex(@"(?<=['""])(?:[A-Za-z]:)?[\\/](?:[^'""\\/\r\n]+[\\/])+(?=[^'""\\/\r\n]+['""])", RegexOptions.CultureInvariant)]
    private static partial Regex Quoted();

    /// <summary>The folders of a path from the root of the machine on, which are none of an address and none of the server's own routes.</summary>
    [GeneratedRegex(@"(?<![\w.:/\\<])(?:[A-Za-z]:)?[\\/](?!(?:api|sdapi|v1|mcp|docs|openapi|controlnet|health|internal|logout|login)[/.\s])"
        + @"(?:[^\s\\/'"",;:()<>|]+[\\/])+", RegexOptions.CultureInvariant)]
    private static partial Regex Absolute();
}
