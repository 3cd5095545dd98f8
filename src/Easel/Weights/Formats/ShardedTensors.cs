namespace Easel.Weights.Formats;

/// <summary>Several files of tensors that an index (<c>*.safetensors.index.json</c>, <c>*.bin.index.json</c>) makes one.</summary>
internal sealed class ShardedTensors : TensorFile
{
    private const int LongestIndex = 64 << 20, MostShards = 1000;

    private readonly OrderedDictionary<string, TensorInfo> _tensors = [];
    private readonly Dictionary<string, TensorFile> _shardOf = [];
    private readonly List<TensorFile> _shards = [];

    private ShardedTensors(string path) : base(path) { }

    public override IReadOnlyDictionary<string, TensorInfo> Tensors => _tensors;

    /// <summary>Opens every shard that the index names.</summary>
    /// <exception cref="CheckpointException">The index is damaged or points out of its folder, or a shard is missing or lacks a tensor.</exception>
    public static ShardedTensors OpenIndex(string index)
    {
        var files = ReadIndex(index);
        var model = new ShardedTensors(index);
        try
        {
            var opened = new Dictionary<string, TensorFile>();
            foreach (var (name, file) in files)
            {
                if (!opened.TryGetValue(file, out var shard)) model._shards.Add(opened[file] = shard = OpenShard(index, file, opened.Count));
                if (!shard.Tensors.TryGetValue(name, out var info))
                    throw Refuse(index, $"says that {Quoted.Name(name)} is in {Quoted.Name(file)}, and it is not");
                if (!model._tensors.TryAdd(name, info)) throw Refuse(index, $"lists {Quoted.Name(name)} twice");
                model._shardOf[name] = shard;
            }
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public override bool IsOutdated => _shards.Any(shard => shard.IsOutdated);

    public override Tensor View(string name, int part, int parts) => Find(name).View(name, part, parts);

    public override void Dispose()
    {
        foreach (var shard in _shards) shard.Dispose();
    }

    private TensorFile Find(string name) => _shardOf.TryGetValue(name, out var shard) ? shard : throw Refuse(Path, $"has no tensor {Quoted.Name(name)}");

    private static TensorFile OpenShard(string index, string file, int opened)
    {
        if (opened >= MostShards) throw Refuse(index, $"names more than {MostShards} files");
        // An index may only name its neighbours.
        if (file is "" or "." or ".." || file.AsSpan().ContainsAny('/', '\\', ':')) throw Refuse(index, $"points out of its folder, to {Quoted.Name(file)}");
        var path = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(index)!, file);
        return File.Exists(path)
            ? TensorFile.Open(path) : throw Refuse(index, $"names the file {Quoted.Name(file)}, which is not beside it; fetch that one too");
    }

    private static List<(string Name, string File)> ReadIndex(string index)
    {
        using var file = ModelBytes.Open(index);
        if (file.Length > LongestIndex) throw file.Refuse($"has {file.Length} bytes, and an index of weights has at most {LongestIndex}");
        try
        {
            var options = new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false };
            using var json = JsonDocument.Parse(file.Span(0, (int)file.Length).ToArray(), options);
            if (!json.RootElement.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
                throw file.Refuse("has no weight_map, so it is no index of weights");
            return [.. map.EnumerateObject().Select(entry => (entry.Name, entry.Value.GetString() ?? ""))];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw file.Refuse("is not a well-formed index of weights", error);
        }
    }

    private static CheckpointException Refuse(string index, string what) => new($"'{index}' {what}.");
}
