namespace Easel.Weights.Lora;

/// <summary>An adapter's change to one parameter of one layer.</summary>
internal sealed class LoraLayer
{
    private readonly AdapterMake _make;
    private readonly AdapterParts _parts;
    private readonly SettingsScale? _settings;
    private readonly bool _decomposes, _mayCountTwice;
    private double? _scale;

    /// <param name="settings">The scale where no tensor tells it; null for one.</param>
    /// <exception cref="CheckpointException">The parts do not go together.</exception>
    public LoraLayer(LoraFile file, LoraPlace place, string layer, AdapterMake make, AdapterParts parts, SettingsScale? settings)
    {
        (Place, Layer, _make, _parts, _settings) = (place, layer, make, parts, settings);
        Shape = make.Shape(parts) ?? throw parts.Misshaped();
        _decomposes = make.May.Contains("dora_scale") && (parts.Has("dora_scale") || parts.Has("lora_magnitude_vector"));
        if (make.May.Contains("scale"))
            foreach (var part in (string[])["scale", "alpha", "scalar"]) parts.CheckNumber(part);
        _mayCountTwice = make.ScalesTwice && file.IsBare;
    }

    public LoraPlace Place { get; }

    /// <summary>Whether its scale counts twice, and that makes a difference: see <see cref="LoraFile.IsBare"/>.</summary>
    public bool CountsTwice => _mayCountTwice && ScaleOf(twice: false) is var once && Math.Abs(Scale - once) > 1e-6 * Math.Abs(once);

    /// <summary>The layer's name, "_" for "."; diffusers' names or the original's.</summary>
    public string Layer { get; }

    /// <summary>The parameter of the layer: "weight", "bias".</summary>
    public string Parameter => _make.Parameter;

    /// <summary>The shape of the change: [outputs, inputs], [outputs, inputs, kernel, kernel] or, as a matrix, [outputs, inputs · kernel · kernel]; of a bias
    /// and of a norm [outputs]. -1 stands for a side that fits any.</summary>
    public long[] Shape { get; }

    /// <summary>Whether the change can be made to a parameter of that shape.</summary>
    public bool Fits(long[] own)
    {
        if (Shape.Length == 1 || own.Length == 1) return Shape.SequenceEqual(own) && !_decomposes;
        if (_decomposes && !AdapterMath.LengthsFit(_parts, own)) return false;
        if (Shape.Contains(-1)) return (Shape[0] == -1 || Shape[0] == own[0]) && (Shape[1] == -1 || Shape[1] == own[1]);
        if (Shape[0] != own[0]) return false;
        var (kernel, ownKernel) = (Shape.Length == 4 ? Shape[2..] : [1, 1], own.Length == 4 ? own[2..] : [1, 1]);
        if (Shape.Length == 2 && Shape[1] == own[1] * ownKernel[0] * ownKernel[1]) return true;
        // A network that sees a mask besides takes what was made for one that does not: its first channels are the same.
        return kernel.SequenceEqual(ownKernel) && (Shape[1] == own[1] || SeesMore(own));
    }

    /// <summary>Adds the change to a parameter.</summary>
    /// <param name="parameter">The parameter in fp32, with what was added before; written to.</param>
    /// <param name="original">Its values before anything was added.</param>
    /// <param name="strength">How strongly it counts; 1 as trained.</param>
    /// <param name="rank">How many of the channels between count at most; null for all.</param>
    public void AddTo(Tensor parameter, Tensor original, double strength, int? rank)
    {
        using var scope = NewDisposeScope();
        var values = new AdapterValues(_parts, parameter.device);
        if (_make.Turns is { } turn)
        {
            parameter.add_(turn(values, original, Scale, strength).reshape(parameter.shape));
            return;
        }
        var change = _make.Adds!(values, rank) * Scale;
        if (_decomposes) parameter.add_(AdapterMath.Decomposed(values, original, change.reshape(parameter.shape), strength));
        else if (SeesMore(parameter.shape)) parameter.narrow(1, 0, Shape[1]).add_(change.reshape(Shape), strength);
        else parameter.add_(change.reshape(parameter.shape), strength);
    }

    /// <summary>Whether the change looks at the parameter's own values.</summary>
    public bool LooksAtOriginal => _make.Turns is not null || _decomposes;

    private bool SeesMore(long[] own) => Shape is [var outputs, 4, _, _] && own is [var all, > 4, _, _] && outputs == all && !LooksAtOriginal;

    /// <summary>What the change is multiplied by. It is read when it is wanted: whoever lists files does without libtorch.</summary>
    private double Scale => _scale ??= ScaleOf(_mayCountTwice);

    private double ScaleOf(bool twice)
    {
        if (!_make.May.Contains("scale")) return 1;
        var scale = _parts.Number("scale");
        if (scale is null && _make.Rank(_parts) is { } rank)
            scale = _parts.Number("alpha") is { } alpha ? alpha / rank : _settings?.For(rank) ?? 1;
        return (scale ?? 1) * (twice ? scale ?? 1 : 1) * (_parts.Number("scalar") ?? 1);
    }
}
