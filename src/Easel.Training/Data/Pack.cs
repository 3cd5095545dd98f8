using System.Runtime.InteropServices;
using System.Text;
using Easel.Weights.Formats;

namespace Easel.Training.Data;

/// <summary>
/// The data set in one file, a safetensors file with these tensors: "sprites", the packed drawings one behind another, with the place where each ends in
/// "sprite_ends"; "list", a deflated line of JSON for each; "recolours", the matrices of <see cref="Recolouring"/>; "scenes", the deflated plans, number by
/// number (all scenes' first, then all their second); "captions", deflated, the numbers in "tokens" of every caption's words, with how many each has in
/// "caption_lengths", deflated bytes; "meanings" and "fillers", deflated lines.
/// </summary>
internal sealed class Pack
{
    private readonly byte[] _sprites;
    private readonly long[] _ends;
    private readonly short[] _scenes;
    private readonly ushort[] _captions;
    private readonly int[] _captionEnds;

    private Pack(TensorFile file)
    {
        Drawings = [.. Lines(file, "list").Select(line => JsonSerializer.Deserialize<Drawing>(line)!)];
        _sprites = Bytes(file, "sprites");
        _ends = Values<long>(file, "sprite_ends");
        _scenes = MemoryMarshal.Cast<byte, short>(Inflated(file, "scenes")).ToArray();
        _captions = MemoryMarshal.Cast<byte, ushort>(Inflated(file, "captions")).ToArray();
        _captionEnds = EndsOf(Inflated(file, "caption_lengths"));
        Tokens = Values<int>(file, "tokens");
        Meanings = Lines(file, "meanings").Select(line => line.Split('\t')).ToDictionary(parts => parts[0], parts => parts[1]);
        Fillers = [.. Lines(file, "fillers")];
        if (_ends.Length != Drawings.Count || _scenes.Length != (long)_captionEnds.Length * Scene.Numbers || _ends[^1] > _sprites.Length
            || (_captionEnds.Length > 0 && _captionEnds[^1] != _captions.Length))
            throw new EaselException($"{file.Path} is not whole.");
        Renderer = new SceneRenderer(Pixels);
    }

    public IReadOnlyList<Drawing> Drawings { get; }

    /// <summary>The tokens of all captions, ascending; captions are numbers of places in it.</summary>
    public IReadOnlyList<int> Tokens { get; }

    /// <summary>Words that no caption has, with the concepts that they mean.</summary>
    public IReadOnlyDictionary<string, string> Meanings { get; }

    public IReadOnlyList<string> Fillers { get; }
    public SceneRenderer Renderer { get; }
    public int SceneCount => _captionEnds.Length;

    public static Pack Open(string path)
    {
        if (!File.Exists(path)) throw new EaselException($"There is no data set at {path}; easel train data --out {path} makes one.");
        using var file = TensorFile.Open(path);
        foreach (var name in (string[])["list", "sprites", "sprite_ends", "scenes", "captions", "caption_lengths", "tokens", "meanings", "fillers"])
            if (!file.Tensors.ContainsKey(name)) throw new EaselException($"{path} is not a data set of easel train: it has no \"{name}\".");
        try
        {
            return new Pack(file);
        }
        catch (Exception e) when (e is JsonException or IndexOutOfRangeException or ArgumentException or KeyNotFoundException)
        {
            throw new EaselException($"{path} is not whole.", e);
        }
    }

    /// <summary>A drawing's pixels: red, green and blue times opacity, and opacity.</summary>
    public byte[] Pixels(int drawing)
    {
        var start = drawing == 0 ? 0 : _ends[drawing - 1];
        return SpriteCodec.Unpack(_sprites, (int)start, (int)(_ends[drawing] - start));
    }

    /// <summary>A recorded scene; of its caption the numbers alone are known.</summary>
    public Scene SceneAt(int number)
    {
        Span<short> plan = stackalloc short[Scene.Numbers];
        for (var i = 0; i < Scene.Numbers; i++) plan[i] = _scenes[i * SceneCount + number];
        return Scene.Read(plan, "");
    }

    /// <summary>A recorded scene's caption, as numbers of <see cref="Tokens"/>.</summary>
    public ReadOnlySpan<ushort> CaptionOf(int number) => _captions.AsSpan((number == 0 ? 0 : _captionEnds[number - 1])..(_captionEnds[number]));

    /// <summary>Writes a data set.</summary>
    /// <param name="pixels">Each drawing's pixels, in the order of the list.</param>
    /// <param name="scenes">The scenes with their captions.</param>
    public static void Write(string path, IReadOnlyList<Drawing> drawings, Func<int, byte[]> pixels, IReadOnlyList<Scene> scenes,
        IReadOnlyDictionary<string, string> meanings, IReadOnlyList<string> fillers, Action<double>? onProgress = null)
    {
        var packed = new byte[drawings.Count][];
        var done = 0;
        Parallel.For(0, drawings.Count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            packed[i] = SpriteCodec.Pack(pixels(i));
            lock (packed) onProgress?.Invoke((double)++done / drawings.Count);
        });
        var ends = new long[drawings.Count];
        for (var i = 0; i < ends.Length; i++) ends[i] = packed[i].Length + (i == 0 ? 0 : ends[i - 1]);

        var plans = new short[scenes.Count * Scene.Numbers];
        Span<short> plan = stackalloc short[Scene.Numbers];
        for (var number = 0; number < scenes.Count; number++)
        {
            scenes[number].Write(plan);
            for (var i = 0; i < Scene.Numbers; i++) plans[i * scenes.Count + number] = plan[i];
        }

        var tokenizer = new Text.ClipTokenizer();
        var said = scenes.Select(scene => tokenizer.Encode(scene.Caption).Take(Text.ClipTokenizer.ContextLength - 2).ToArray()).ToList();
        var others = drawings.SelectMany(drawing => drawing.Names.Concat(drawing.Keywords).Append(drawing.Style ?? "")).Distinct().Concat(fillers).Append("a");
        int[] tokens = [.. said.SelectMany(ids => ids).Concat(others.SelectMany(text => tokenizer.Encode(text))).Append(Text.ClipTokenizer.BeginOfText)
            .Append(Text.ClipTokenizer.EndOfText).Distinct().Order()];
        var numbers = tokens.Index().ToDictionary(token => token.Item, token => (ushort)token.Index);
        var captions = new List<ushort>();
        foreach (var ids in said) captions.AddRange(ids.Select(token => numbers[token]));

        using var scope = NewDisposeScope();
        SafeTensorsWriter.Write(path, new Dictionary<string, Tensor>
        {
            ["sprites"] = tensor(packed.SelectMany(bytes => bytes).ToArray()),
            ["sprite_ends"] = tensor(ends),
            ["list"] = Deflated(string.Join('\n', drawings.Select(drawing => JsonSerializer.Serialize(drawing)))),
            ["recolours"] = tensor(Recolouring.All.SelectMany(matrix => matrix).ToArray()).view(-1, 12),
            ["scenes"] = tensor(SpriteCodec.Deflate(MemoryMarshal.AsBytes<short>(plans))),
            ["captions"] = tensor(SpriteCodec.Deflate(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(captions)))),
            ["caption_lengths"] = tensor(SpriteCodec.Deflate([.. said.Select(ids => (byte)ids.Length)])),
            ["tokens"] = tensor(tokens),
            ["meanings"] = Deflated(string.Join('\n', meanings.Select(pair => $"{pair.Key}\t{pair.Value}"))),
            ["fillers"] = Deflated(string.Join('\n', fillers)),
        });

        static Tensor Deflated(string text) => tensor(SpriteCodec.Deflate(Encoding.UTF8.GetBytes(text)));
    }

    private static int[] EndsOf(byte[] lengths)
    {
        var ends = new int[lengths.Length];
        for (var i = 0; i < ends.Length; i++) ends[i] = lengths[i] + (i == 0 ? 0 : ends[i - 1]);
        return ends;
    }

    private static byte[] Bytes(TensorFile file, string name) => Values<byte>(file, name);

    private static byte[] Inflated(TensorFile file, string name)
    {
        var packed = Bytes(file, name);
        return SpriteCodec.Inflate(packed, 0, packed.Length);
    }

    private static string[] Lines(TensorFile file, string name) =>
        Encoding.UTF8.GetString(Inflated(file, name)).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static T[] Values<T>(TensorFile file, string name) where T : unmanaged
    {
        using var tensor = file.View(name);
        return tensor.data<T>().ToArray();
    }
}
