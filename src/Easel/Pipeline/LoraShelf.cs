using Easel.Text.Prompts;
using Easel.Weights.Lora;
using Easel.Weights.Names;

namespace Easel.Pipeline;

/// <summary>The LoRAs of a folder, opened when a prompt asks for one by name.</summary>
/// <param name="folder">The folder; null where none was named.</param>
internal sealed class LoraShelf(string? folder) : IDisposable
{
    private readonly NamedFiles? _files = folder is null ? null : NamedFiles.Loras(folder);
    private readonly Dictionary<string, LoraFile> _open = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Gives the model the changes that prompts ask for, and no others.</summary>
    /// <returns>What did not fit, for a person to read.</returns> <exception cref="InvalidRequestException">There is no LoRA of that name.</exception>
    /// <exception cref="CheckpointException">A LoRA is for another model, or is none.</exception>
    public IReadOnlyList<string> Use(LoadedNetworks model, IEnumerable<LoraTag> tags) =>
        // As AUTOMATIC1111: the first of a name counts.
        model.SetLoras([.. tags.GroupBy(tag => tag.Name, StringComparer.OrdinalIgnoreCase).Select(same => same.First())
            .Select(tag => new LoraUse(Find(tag.Name), tag.UNetWeight, tag.TextEncoderWeight))]);

    public void Dispose()
    {
        foreach (var lora in _open.Values) lora.Dispose();
    }

    private LoraFile Find(string name)
    {
        if (_open.TryGetValue(name, out var known)) return known;
        if (_files is null)
            throw new InvalidRequestException("Prompt",
                $"The prompt asks for the LoRA \"{name}\", but no folder of LoRAs was named when the model was loaded.");
        var there = _files.Names.Count == 0 ? "none" : string.Join(", ", _files.Names.Take(20));
        var path = _files.Find(name) ?? throw new InvalidRequestException("Prompt",
            $"The prompt asks for the LoRA \"{name}\", which is not in {_files.Folder}; there are {there}.");
        return _open[name] = LoraFile.Open(path);
    }
}
