using Easel.Text.Prompts;
using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Lora;
using Easel.Weights.Names;

namespace Easel.Pipeline;

/// <summary>The LoRAs of folders, opened when a prompt asks for one: by the name of its file, with the folders it lies in or without, or by the name that it
/// was trained under.</summary>
/// <param name="folders">The folders; none where none was named.</param>
internal sealed class LoraShelf(IReadOnlyList<string> folders) : IDisposable
{
    private readonly NamedFiles _files = NamedFiles.Loras(folders);
    private readonly Dictionary<string, LoraFile> _open = new(StringComparer.Ordinal);
    private readonly List<LoraFile> _outdated = []; // a model may still hold their changes
    private readonly Dictionary<string, (DateTime Changed, string? Alias)> _aliases = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Path, string Word), TextualInversion> _words = [];

    /// <summary>Finds what prompts ask for. What is not there becomes a remark.</summary>
    /// <param name="family">What people call models of the kind that draws.</param>
    /// <exception cref="CheckpointException">A file of that name is no LoRA, or is damaged.</exception>
    public LoraRun Find(IEnumerable<LoraTag> tags, string family)
    {
        var remarks = new List<string>();
        var called = new List<CalledLora>();
        foreach (var tag in tags)
        {
            if (PathOf(tag.Name, remarks) is not { } path) continue;
            // As AUTOMATIC1111: the first of a name counts.
            if (called.Any(other => other.Lora.Path == path)) continue;
            var lora = Open(path, family);
            called.Add(new CalledLora(lora, tag, [.. lora.Words.Select(word => WordOf(lora, word))]));
        }
        return new LoraRun(called, remarks);
    }

    public void Dispose()
    {
        foreach (var lora in _open.Values.Concat(_outdated)) lora.Dispose();
        foreach (var word in _words.Values) word.Dispose();
    }

    private LoraFile Open(string path, string family)
    {
        if (_open.TryGetValue(path, out var known) && !known.IsOutdated) return known;
        using (var file = TensorFile.Open(path))
            if (FileKind.Of(file) is { Kind: ModelKind.Other } other)
                throw new CheckpointException($"{path} is {other.What}, and the model that draws is {family}.");
        var lora = LoraFile.Open(path);
        if (known is not null) _outdated.Add(known);
        return _open[path] = lora;
    }

    private TextualInversion WordOf(LoraFile lora, string word)
    {
        if (_words.TryGetValue((lora.Path, word), out var known)) return known;
        return _words[(lora.Path, word)] = lora.Word(word);
    }

    private string? PathOf(string name, List<string> remarks)
    {
        if (_files.IsNowhere)
        {
            remarks.Add($"The prompt asks for the LoRA \"{name}\", but no folder of LoRAs was named; the picture is drawn without it.");
            return null;
        }
        var found = _files.FindAll(name);
        if (found.Count == 0) found = [.. _files.Files().Where(path => AliasOf(path)?.Equals(name, StringComparison.OrdinalIgnoreCase) == true)];
        if (found.Count == 0)
        {
            var there = _files.Names.Count == 0 ? "none" : string.Join(", ", _files.Names.Take(20));
            remarks.Add($"The prompt asks for the LoRA \"{name}\", which is not in {_files.Where}, so that the picture is drawn without it; "
                + $"there are {there}.");
            return null;
        }
        if (found.Count > 1)
            remarks.Add($"The name \"{name}\" is that of {found.Count} LoRAs; {_files.Relative(found[0])} is used, "
                + $"not {string.Join(", ", found.Skip(1).Take(3).Select(_files.Relative))}.");
        return found[0];
    }

    /// <summary>The name that a file was trained under; null for one without, or that cannot be read.</summary>
    private string? AliasOf(string path)
    {
        var changed = File.GetLastWriteTimeUtc(path);
        if (_aliases.TryGetValue(path, out var known) && known.Changed == changed) return known.Alias;
        string? alias = null;
        try
        {
            using var file = TensorFile.Open(path);
            alias = LoraFile.AliasIn(file);
        }
        catch (CheckpointException)
        {
            // A file that is broken is told when it is asked for by its name.
        }
        _aliases[path] = (changed, alias);
        return alias;
    }
}

/// <summary>A LoRA that was asked for and found.</summary>
/// <param name="Words">The words that it brings along.</param>
internal sealed record CalledLora(LoraFile Lora, LoraTag Tag, IReadOnlyList<TextualInversion> Words);

/// <summary>The LoRAs of a run. Where one acts in some of the steps only, the UNet's weights are merged anew where it begins and ends: that is exact and costs
/// the merging once or twice a batch, where a branch beside each layer would cost at every step.</summary>
/// <param name="remarks">What was not found.</param>
internal sealed class LoraRun(IReadOnlyList<CalledLora> called, IReadOnlyList<string> remarks)
{
    public IReadOnlyList<string> Remarks => remarks;

    public IReadOnlyList<CalledLora> Called => called;

    /// <summary>The words that the LoRAs bring along.</summary>
    public IReadOnlyList<TextualInversion> Words => [.. called.SelectMany(lora => lora.Words)];

    /// <summary>What is in force in a step. The text encoder, which has done its part before the first, has a LoRA in all of them.</summary>
    /// <param name="step">The step, counted from 0.</param>
    public IReadOnlyList<LoraUse> At(int step, int steps) =>
    [
        .. called.Select(one => new LoraUse(one.Lora, one.Tag.ActsIn(step, steps) ? one.Tag.UNetWeight : 0, one.Tag.TextEncoderWeight)
        {
            Blocks = one.Tag.Blocks, Rank = one.Tag.Rank,
        }),
    ];

    /// <summary>The network, whose weights change where a LoRA begins or ends.</summary>
    /// <param name="set">Puts LoRAs into force.</param>
    /// <param name="onChange">Told when weights have changed, so that nothing that was made with them is used on.</param>
    public Models.Predictor Over(Models.Predictor predict, int steps, Action<IReadOnlyList<LoraUse>> set, Action onChange)
    {
        if (called.All(one => one.Tag.Start is null && one.Tag.Stop is null)) return predict;
        var current = At(0, steps);
        return call =>
        {
            var wanted = At(call.At.Step, steps);
            if (!wanted.SequenceEqual(current))
            {
                set(current = wanted);
                onChange();
            }
            return predict(call);
        };
    }
}
