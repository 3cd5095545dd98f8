using System.Text.RegularExpressions;
using Easel.Cli.Options;
using Easel.Imaging;

namespace Easel.Cli.Runs;

/// <summary>Names and writes the pictures of a run. Nothing is ever written over but a file that <c>--output</c> names together with <c>--force</c>.
/// A folder that it made and nothing came into goes with it.</summary>
internal sealed partial class OutputFiles : IDisposable
{
    private const int LongestSlug = 40, LongestPromptFolder = 150;

    private readonly DrawSettings _settings;
    private readonly Profile _profile;
    private readonly string _ending;
    private readonly List<string> _made = [];
    private int? _next;

    /// <summary>Settles where the pictures go; touches no file.</summary>
    /// <exception cref="UsageException">The name and the format asked for disagree, or the quality is out of range.</exception>
    public OutputFiles(DrawSettings settings, Profile profile)
    {
        (_settings, _profile) = (settings, profile);
        if (settings.Quality is < 1 or > 100) throw new UsageException($"--quality is {settings.Quality}; it must be from 1 to 100.");
        if (settings.Output is { Length: 0 }) throw new UsageException("--output names no file.");
        var named = settings.Output is { } output && Path.GetExtension(output) is { Length: > 0 } ending ? ending : null;
        if (named is not null)
        {
            var format = Inputs.Read(() => ImageFile.FormatOf(settings.Output!));
            if (settings.Format is { } asked && asked != format)
                throw new UsageException($"--output {settings.Output} and --format {EndingOf(asked)[1..]} disagree; give one of them.");
        }
        _ending = named ?? EndingOf(settings.Format ?? ImageFormat.Png);
    }

    /// <summary>The folder that all pictures are under.</summary>
    private string Folder => _settings.Output is { } output
        ? Path.GetDirectoryName(Path.GetFullPath(output))!
        : _settings.OutputFolder ?? _profile.OutputFolder;

    /// <summary>Makes sure, before any work is done, that there is a place for a file that is made out of others. The folder of drawings is made where it is
    /// missing; here a missing one is rather a slip of the pen.</summary>
    /// <param name="path">The file.</param>
    /// <param name="force">Whether one that is there may be replaced.</param>
    /// <exception cref="UsageException">There is none.</exception>
    public static void RequirePlace(string path, bool force)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path));
        if (folder is null || Directory.Exists(path)) throw new UsageException($"{path} is a folder; name a file.");
        if (!Directory.Exists(folder)) throw new UsageException($"There is no folder {folder}; make it first, or name another place.");
        if (!force && File.Exists(path)) throw new UsageException(IsThere(path));
    }

    /// <summary>Makes sure, before any work is done, that files can be written and that those named are free.</summary>
    public void Prepare(int pictures)
    {
        var place = _profile.Naming == Naming.Samples && _settings.Output is null ? Path.Combine(Folder, "samples") : Folder;
        if (place.Length == 0) throw new UsageException("The folder for pictures has no name; --outdir gives it one.");
        try
        {
            for (var folder = Path.GetFullPath(place); folder is not null && !Directory.Exists(folder); folder = Path.GetDirectoryName(folder))
                _made.Add(folder);
            ImageFile.PrepareFolder(place);
        }
        catch (EaselException e)
        {
            throw new UsageException(e.Message, e);
        }
        if (_settings.Output is not { } output) return;

        if (Directory.Exists(output)) throw new UsageException($"{output} is a folder; name a file, or give the folder with --outdir.");
        if (_settings.Force) return;
        for (var index = 0; index < pictures; index++)
            if (File.Exists(Named(index))) throw new UsageException(IsThere(Named(index)));
    }

    public void Dispose()
    {
        foreach (var folder in _made)
        {
            try
            {
                Directory.Delete(folder);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return; // there are pictures in it, or it is gone
            }
        }
    }

    /// <param name="place">How many were saved before it.</param>
    public string Save(GeneratedImage made, ImageMetadata? metadata, int place)
    {
        if (_settings.Output is not null) return Write(Named(place), made.Image, metadata);
        var prompt = made.Prompt;
        var folder = _profile.Naming switch
        {
            Naming.Samples => Path.Combine(Folder, "samples"),
            Naming.PerPrompt => Path.Combine(Folder, PromptFolder(prompt)),
            _ => Folder,
        };
        Directory.CreateDirectory(folder);
        var number = _next ?? FirstNumber(folder);
        var seed = made.Seed.ToString(CultureInfo.InvariantCulture);
        while (true)
        {
            var name = _profile.Naming switch
            {
                Naming.Samples => $"{number:00000}",
                Naming.PerPrompt => $"seed_{seed}_{number:00000}",
                _ => $"{number:00000}-{seed}{Slug(prompt)}",
            };
            number++;
            var path = Path.Combine(folder, name + _ending);
            if (!ImageFile.TrySave(path, made.Image, metadata, Quality)) continue;
            // With a folder for each prompt the count begins anew in each.
            if (_profile.Naming != Naming.PerPrompt) _next = number;
            return path;
        }
    }

    /// <summary>What is told of a file that is not replaced.</summary>
    public static string IsThere(string path) => $"{path} is there already; --force lets it be replaced.";

    /// <summary>Whether the watermark that a picture was saved with is not to be found in its file.</summary>
    public static bool HasLost(string path) => ImageFile.FormatOf(path) != ImageFormat.Png && Watermark.Detect(ImageFile.Load(path)) is null;

    /// <summary>Saves the sheet with all pictures.</summary>
    /// <param name="isFirst">Whether it is what --output names, and not a companion of that.</param>
    public string SaveGrid(RgbImage grid, ImageMetadata? metadata, bool isFirst = false)
    {
        if (_settings.Output is { } output) return Write(isFirst ? Named(0) : Beside(output, "-grid"), grid, metadata);
        Directory.CreateDirectory(Folder);
        // The scripts count what is in the folder, less the folder of samples.
        var first = _profile.Naming == Naming.Samples ? Math.Max(0, Directory.EnumerateFileSystemEntries(Folder).Count() - 1) : 0;
        for (var number = first; ; number++)
        {
            var path = Path.Combine(Folder, $"grid-{number:0000}{_ending}");
            if (ImageFile.TrySave(path, grid, metadata, Quality)) return path;
        }
    }

    private int Quality => _settings.Quality ?? 95;

    private string Write(string path, RgbImage image, ImageMetadata? metadata)
    {
        // The folder may be gone: another run that made it, and drew nothing, took it away again.
        if (Path.GetDirectoryName(path) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
        if (_settings.Force) ImageFile.Save(path, image, metadata, Quality);
        else if (!ImageFile.TrySave(path, image, metadata, Quality))
            throw new EaselException($"{path} has come to be while the picture was drawn; --force lets it be replaced.");
        return path;
    }

    private string Named(int index) => index == 0 ? Path.ChangeExtension(_settings.Output!, _ending) : Beside(_settings.Output!, $"-{index + 1}");

    private string Beside(string output, string suffix) =>
        Path.Combine(Path.GetDirectoryName(output) ?? "", Path.GetFileNameWithoutExtension(output) + suffix + _ending);

    /// <summary>Where the count goes on: as the scripts have it, behind as many as there are; with names of several parts, behind the highest number.</summary>
    private int FirstNumber(string folder)
    {
        if (_profile.Naming != Naming.Described) return Directory.EnumerateFileSystemEntries(folder).Count();
        return Directory.EnumerateFiles(folder).Select(path => LeadingNumber().Match(Path.GetFileName(path)))
            .Where(match => match.Success).Select(match => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) + 1).DefaultIfEmpty(0).Max();
    }

    private static string EndingOf(ImageFormat format) => format switch { ImageFormat.Jpeg => ".jpg", ImageFormat.WebP => ".webp", _ => ".png" };

    /// <summary>The first words of a prompt, fit for a file's name: letters and digits, dashes between; empty where nothing is left of it.</summary>
    internal static string Slug(string prompt)
    {
        var slug = new StringBuilder();
        foreach (var word in Words().Matches(prompt.ToLowerInvariant()).Select(match => match.Value))
        {
            if (slug.Length + 1 + word.Length > LongestSlug) break;
            slug.Append('-').Append(word);
        }
        return slug.ToString();
    }

    /// <summary>The folder in which optimizedSD keeps a prompt's pictures, less what systems do not allow in names.</summary>
    private static string PromptFolder(string prompt)
    {
        var name = string.Concat(prompt.Select(c => c is ':' or ' ' ? '_' : c < ' ' || "/\\\"*<>?|".Contains(c) ? '-' : c));
        while (Encoding.UTF8.GetByteCount(name) > LongestPromptFolder) name = name[..^(char.IsLowSurrogate(name[^1]) ? 2 : 1)];
        return name.Trim('.', ' ') is { Length: > 0 } usable ? usable : "_";
    }

    [GeneratedRegex(@"[\p{L}\p{Nd}]+")]
    private static partial Regex Words();

    [GeneratedRegex(@"^(\d{1,9})-")]
    private static partial Regex LeadingNumber();
}
