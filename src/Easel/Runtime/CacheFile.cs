namespace Easel.Runtime;

/// <summary>Values remembered between runs under names, in a JSON file that several programs may share. It is read again only when it has changed. What goes
/// wrong with the file is passed over, since all it can cost is to find a value anew.</summary>
/// <param name="file">The file; null to remember nothing beyond this object.</param>
/// <param name="most">Where there are so many values, the file is begun afresh.</param>
/// <param name="isValid">Whether a value that was read can be one; null where all can.</param>
internal sealed class CacheFile<T>(string? file, int most, Func<T, bool>? isValid = null)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, T> _values = [];
    private (DateTime Written, long Length) _read;

    public bool TryGet(string name, out T value)
    {
        lock (_gate)
        {
            Read();
            return _values.TryGetValue(name, out value!);
        }
    }

    public void Set(string name, T value)
    {
        lock (_gate)
        {
            Read();
            if (_values.Count >= most) _values.Clear();
            _values[name] = value;
            Write();
        }
    }

    private void Read()
    {
        try
        {
            if (file is null || RegularFile.WhyNot(file) is not null) return;
            if (new FileInfo(file) is not { Exists: true } info || (info.LastWriteTimeUtc, info.Length) == _read) return;
            _read = (info.LastWriteTimeUtc, info.Length);
            foreach (var (name, value) in JsonSerializer.Deserialize<Dictionary<string, T>>(File.ReadAllText(file)) ?? [])
                if (isValid?.Invoke(value) ?? true) _values[name] = value;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            // As good as empty.
        }
    }

    private void Write()
    {
        if (file is null) return;
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder) Directory.CreateDirectory(folder);
            var beside = $"{file}.{Guid.NewGuid():N}";
            File.WriteAllText(beside, JsonSerializer.Serialize(_values));
            File.Move(beside, file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It will be found anew.
        }
    }
}
