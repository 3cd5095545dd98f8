using Easel.Models;
using Easel.Weights;
using Easel.Weights.Names;

namespace Easel.Pipeline;

/// <summary>The networks of control that the latest run asked for, open; those of a run before are let go.</summary>
/// <param name="folders">The folders whose files may be called by name; none where none was named.</param>
internal sealed class ControlShelf(IReadOnlyList<string> folders) : IDisposable
{
    private readonly NamedFiles _files = NamedFiles.Controls(folders);
    private readonly Dictionary<string, ControlFile> _open = new(StringComparer.Ordinal);
    private LoadedNetworks? _model;

    /// <summary>Gives the model the networks that units ask for, and no others; each is loaded when its turn comes.</summary>
    /// <returns>The network of each unit.</returns>
    /// <exception cref="InvalidRequestException">There is no network of that name.</exception>
    /// <exception cref="CheckpointException">A file is no such network, or one for another model.</exception>
    public IReadOnlyList<ControlFile> Use(LoadedNetworks model, IReadOnlyList<ControlUnit> units)
    {
        var paths = units.Select(unit => Find(unit.Network)).ToList();
        foreach (var (path, file) in _open.Where(open => !paths.Contains(open.Key)).ToList())
        {
            _open.Remove(path);
            file.Dispose();
        }
        model.Steering = [];
        if (model != _model) foreach (var file in _open.Values) file.Slot.Unload(); // another may be in another number format
        _model = model;
        foreach (var path in paths.Where(path => !_open.ContainsKey(path)).Distinct().ToList()) _open[path] = Open(path, model.UNet, model.Checkpoint);
        model.Steering = [.. _open.Values];
        return [.. paths.Select(path => _open[path])];
    }

    /// <summary>Opens the networks of units to tell what they take.</summary>
    public IReadOnlyList<ControlFile> Open(IReadOnlyList<ControlUnit> units, Checkpoint checkpoint)
    {
        if (units.Count == 0) return [];
        using var unet = new UNet(checkpoint.UNet);
        return [.. units.Select(unit => Find(unit.Network)).Distinct().Select(path => Open(path, unet, checkpoint))];
    }

    public void Dispose()
    {
        foreach (var file in _open.Values) file.Dispose();
        _open.Clear();
    }

    private static ControlFile Open(string path, UNet unet, Checkpoint checkpoint) =>
        ControlFile.Open(path, unet, $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(checkpoint.Path))} is of {checkpoint.Family.Name} "
            + $"(levels of {string.Join(", ", checkpoint.UNet.Channels)}, context of {checkpoint.UNet.ContextWidth})");

    private string Find(string name)
    {
        if (_files.Find(name) is { } named) return named;
        if (File.Exists(name) || Directory.Exists(name)) return name;
        var there = _files.IsNowhere ? "and no folder of such networks was named when the model was loaded"
            : _files.Names.Count == 0 ? $"and there are none in {_files.Where}" : $"and in {_files.Where} there are {string.Join(", ", _files.Names.Take(20))}";
        throw new InvalidRequestException(nameof(GenerationRequest.Controls), $"There is no network of control {name}, {there}.");
    }
}
