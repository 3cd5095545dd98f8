using System.Diagnostics;
using Easel.Imaging;
using Easel.Models;
using Easel.Models.Control;
using Easel.Runtime;
using Easel.Weights;
using Linear = Easel.Models.Linear;

namespace Easel.Pipeline;

/// <summary>What steers a run beside the prompt, as one wrapper around the network: the hints, made once, and what each network makes of them at every
/// step.</summary>
/// <param name="steps">Steps of a batch, of which units may count in a part.</param>
internal sealed class ControlRun(LoadedNetworks model, int steps) : IDisposable
{
    private readonly List<Unit> _units = [];

    /// <summary>Makes the hints of a request.</summary>
    /// <param name="files">The network of each unit.</param>
    public static ControlRun For(GenerationRequest request, Canvas canvas, LoadedNetworks model, IReadOnlyList<ControlFile> files, LoadOptions options,
        int steps)
    {
        var run = new ControlRun(model, steps);
        if (request.Controls.Count > 0 && model.Family.Enlarges > 1)
            throw new InvalidRequestException(nameof(request.Controls), "A model that enlarges pictures cannot be steered by a network of control.");
        try
        {
            foreach (var (unit, file) in request.Controls.Zip(files)) run._units.Add(run.Prepared(unit, file, canvas, options));
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>The network, steered.</summary>
    public Predictor Over(Predictor predict) => _units.Count == 0 ? predict : call =>
    {
        using var scope = NewDisposeScope();
        foreach (var unit in _units) model.Bring(unit.File.Slot);
        return predict(call with { Control = Signals(call) }).MoveToOuterDisposeScope();
    };

    public void Dispose()
    {
        foreach (var unit in _units)
            foreach (var tensor in unit.Kept) tensor.Dispose();
    }

    /// <summary>A depth map as a picture: what is nearest white, what is farthest black.</summary>
    /// <param name="depth">[1, 1, h, w].</param>
    public static RgbImage NearIsBright(Tensor depth)
    {
        using var scope = NewDisposeScope();
        var (least, most) = (depth.min(), depth.max());
        return ImageTensor.ToImage((2 * (depth - least) / (most - least).clamp_min(1e-6) - 1).expand(1, 3, -1, -1));
    }

    private Unit Prepared(ControlUnit unit, ControlFile file, Canvas canvas, LoadOptions options)
    {
        var picture = unit.Picture is { } own ? canvas.Beside(own) : canvas.Picture
            ?? throw new UnreachableException(); // the request was checked
        using var scope = NewDisposeScope();
        if (file.Network is IpAdapter adapter)
        {
            var (told, untold) = Tokens(adapter, file, unit.Picture ?? picture, options);
            var layers = model.UNet.CrossAttentions.Select((layer, i) => (layer, adapter.Layer(i))).ToDictionary(pair => pair.layer, pair => pair.Item2);
            return new Unit(unit, file, [told.DetachFromDisposeScope(), untold.DetachFromDisposeScope()]) { Layers = layers };
        }
        var hint = Hint.Of(unit, picture, canvas.Width, canvas.Height, seen => model.EstimateDepth(seen) is { } depth ? NearIsBright(depth) : null);
        var pixels = (ImageTensor.FromImage(hint) + 1) / 2;
        if (unit.Hint == HintKind.Inpaint) pixels = Cut(pixels, canvas, file);
        pixels = pixels.to(model.Format.Run, model.Device);
        model.Bring(file.Slot);
        return file.Network switch
        {
            ControlNet net => new Unit(unit, file, [net.Embed(pixels).DetachFromDisposeScope()]) { Types = TypesOf(unit, net, file) },
            ControlLllite lllite => new Unit(unit, file, [.. lllite.Embed(pixels).Select(seen => seen.DetachFromDisposeScope())])
            {
                Steered = ControlFile.LlliteLayers(model.UNet) is var layers ? [.. lllite.Config.Select(part => layers[part.Layer])] : [],
            },
            T2iAdapter features => new Unit(unit, file, [.. features.Features(pixels).Select(feature => feature.DetachFromDisposeScope())]),
            _ => throw new ArgumentOutOfRangeException(nameof(file), file.What, "It is not known how this network steers."),
        };
    }

    /// <summary>A picture with -1 where it is to be drawn anew, as networks that inpaint were trained to see it.</summary>
    private static Tensor Cut(Tensor pixels, Canvas canvas, ControlFile file)
    {
        var mask = canvas.Mask ?? throw new InvalidRequestException(nameof(GenerationRequest.Controls),
            $"The hint of {file.Name} is the input picture without what is masked, and there is no mask.");
        var cut = (ImageTensor.FromMask(mask) > 0.5f).to(ScalarType.Float32);
        return pixels * (1 - cut) - cut;
    }

    /// <summary>Which of the kinds that a union network knows a unit's hint is of.</summary>
    private static IReadOnlyList<int> TypesOf(ControlUnit unit, ControlNet net, ControlFile file)
    {
        if (net.Config.Union is not { } union) return [];
        var type = (unit.UnionType is { } named ? UnionTypes.Find(named) : UnionTypes.Of(unit.Hint))
            ?? throw new InvalidRequestException(nameof(GenerationRequest.Controls),
                $"The union network {file.Name} must be told which kind of hint it is given: {string.Join(", ", UnionTypes.Names.Take(union.Types))}.");
        return type < union.Types ? [type] : throw new InvalidRequestException(nameof(GenerationRequest.Controls),
            $"The union network {file.Name} was not trained for hints of the kind {UnionTypes.Names.ElementAt(type)}; "
            + $"it knows {string.Join(", ", UnionTypes.Names.Take(union.Types))}.");
    }

    /// <summary>What a picture says as tokens, and what no picture says.</summary>
    private (Tensor Told, Tensor Untold) Tokens(IpAdapter adapter, ControlFile file, RgbImage picture, LoadOptions options)
    {
        using var scope = NewDisposeScope();
        var whole = adapter.Config is { Resampler: null, IsPerceptron: false };
        Tensor told, untold;
        model.Bring();
        using (var tower = ClipVisionFile.Load(VisionTower(file, options), model.Format.Kept, model.Device))
        {
            var width = whole ? tower.Config.Projection : tower.Config.Width;
            if (width != adapter.Config.PictureWidth)
                throw new CheckpointException($"The IP-Adapter {file.Path} looks through a vision tower of width {adapter.Config.PictureWidth}, "
                    + $"and {VisionTower(file, options)} is of width {width}.");
            var pixels = Square(picture, tower.Config.Side).to(model.Format.Run, model.Device);
            var seen = tower.Look(pixels);
            told = whole ? seen.Whole : seen.Patches;
            untold = whole ? zeros_like(told) : tower.Encode(zeros_like(pixels)).Patches;
        }
        model.Bring(file.Slot);
        return (adapter.Tokens(told).MoveToOuterDisposeScope(), adapter.Tokens(untold).MoveToOuterDisposeScope());
    }

    /// <summary>The middle of a picture, its shorter side brought to the tower's, [1, 3, side, side], 0 to 1, as CLIP's own preparation does.</summary>
    internal static Tensor Square(RgbImage picture, int side)
    {
        using var scope = NewDisposeScope();
        var shorter = Math.Min(picture.Width, picture.Height);
        var (width, height) = ((int)((long)side * picture.Width / shorter), (int)((long)side * picture.Height / shorter));
        var sized = Resampling.Resize(picture, width, height, ResampleFilter.Bicubic);
        var middle = sized.Crop(new ImageRegion((width - side) / 2, (height - side) / 2, side, side));
        return ((ImageTensor.FromImage(middle) + 1) / 2).MoveToOuterDisposeScope();
    }

    /// <summary>The vision tower that was named when the model was loaded, or the one that lies beside the adapter, as its authors lay it.</summary>
    private static string VisionTower(ControlFile file, LoadOptions options)
    {
        if (options.ImageEncoder is { } named) return named;
        var beside = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file.Path))!, "image_encoder");
        return Directory.Exists(beside) ? beside : throw new InvalidRequestException(nameof(GenerationRequest.Controls),
            $"The IP-Adapter {file.Name} looks at pictures through CLIP's vision tower: name its file or folder when loading the model, "
            + "or lay it beside the adapter as the folder image_encoder.");
    }

    private ControlSignals Signals(NetworkCall call)
    {
        var done = (double)call.At.Step / Math.Max(1, steps);
        List<Tensor> skips = [], levels = [];
        Tensor? middle = null;
        var (pictures, layers) = (new List<PicturePrompt>(), new List<(Linear, Func<Tensor, Tensor>)>());
        foreach (var unit in _units.Where(unit => unit.Asked.Strength > 0 && done >= unit.Asked.Start && done <= unit.Asked.End))
        {
            switch (unit.File.Network)
            {
                case ControlNet net:
                    var (own, ownMiddle) = Ask(net, unit, call);
                    own = [.. own.Append(ownMiddle).Select((tensor, i) => Weighed(unit, tensor, unit.ScaleOf(i), call))];
                    Add(skips, own.SkipLast(1));
                    middle = middle is null ? own[^1] : middle + own[^1];
                    break;
                case T2iAdapter:
                    Add(levels, unit.Kept.Select((feature, i) => Weighed(unit, feature, unit.LevelScaleOf(i), call)));
                    break;
                case ControlLllite lllite:
                    layers.AddRange(unit.Steered.Select((layer, i) =>
                        (layer, (Func<Tensor, Tensor>)(x => lllite.Before(i, x, unit.Kept[i], unit.Asked.Strength)))));
                    break;
                case IpAdapter:
                    pictures.Add(new PicturePrompt(unit.Layers!, unit.TokensOf(call), unit.Asked.Strength, unit));
                    break;
            }
        }
        return new ControlSignals { Skips = skips, Middle = middle, Levels = levels, Pictures = pictures, Layers = layers };

        static void Add(List<Tensor> sum, IEnumerable<Tensor> more)
        {
            foreach (var (tensor, i) in more.Select((tensor, i) => (tensor, i)))
            {
                if (i < sum.Count) sum[i] = sum[i] + tensor;
                else sum.Add(tensor);
            }
        }
    }

    private (IReadOnlyList<Tensor> Skips, Tensor Middle) Ask(ControlNet net, Unit unit, NetworkCall call)
    {
        NativeRuntime.KeepLargeBlocks();
        // What stands beside the latents in an inpainting model a ControlNet was not trained to see.
        var seen = call.X.narrow(1, 0, Math.Min(call.X.shape[1], net.Config.Encoder.InChannels)).to(model.Format.Run, model.Device);
        var timesteps = full(seen.shape[0], (float)call.Timestep, ScalarType.Float32, model.Device);
        return net.Predict(seen, timesteps, call.Context!, unit.Kept[0], unit.Types);
    }

    /// <summary>What is to be added, as much of it as asked for, in the rows that are steered.</summary>
    private static Tensor Weighed(Unit unit, Tensor tensor, double scale, NetworkCall call)
    {
        if (unit.IsPooled) tensor = tensor.mean([2, 3], keepdim: true);
        if (scale != 1) tensor = tensor * scale;
        if (unit.Asked.Mode != ControlMode.Control && !unit.IsPooled) return tensor;
        var told = call.Rows.Select(row => row.Condition.Weight is null ? 0f : 1f).ToArray();
        return told.All(one => one == 1) ? tensor : tensor * torch.tensor(told, tensor.dtype, tensor.device).view(-1, 1, 1, 1);
    }

    /// <summary>A unit of the request with what is kept of it from step to step.</summary>
    /// <param name="Kept">A ControlNet's view of its hint; an adapter's features; the tokens of a picture and those of none.</param>
    private sealed record Unit(ControlUnit Asked, ControlFile File, IReadOnlyList<Tensor> Kept)
    {
        public IReadOnlyList<int> Types { get; init; } = [];

        public IReadOnlyList<Linear> Steered { get; init; } = [];

        public IReadOnlyDictionary<Attention, PromptedAttention>? Layers { get; init; }

        /// <summary>Whether only the mean over all positions is added, as networks that shuffle were trained; the
        /// extension knows them by their names.</summary>
        public bool IsPooled => File.Network is ControlNet && File.Name.Contains("shuffle", StringComparison.OrdinalIgnoreCase);

        /// <summary>How much the i-th thing that a ControlNet adds counts: less the finer it is, unless prompt and hint are balanced.</summary>
        public double ScaleOf(int i) => Asked.Strength * (Asked.Mode == ControlMode.Balanced ? 1 : Math.Pow(0.825, 12 - i));

        /// <summary>The same for a T2I-Adapter.</summary>
        public double LevelScaleOf(int i) => Asked.Strength * (Asked.Mode == ControlMode.Balanced ? 1 : i switch { 0 => 0.25, 1 => 0.62, 2 => 0.825, _ => 1 });

        /// <summary>[rows, tokens, width]: the picture's where the prompt is told, none's where it is not.</summary>
        public Tensor TokensOf(NetworkCall call) => cat([.. call.Rows.Select(row => Kept[row.Condition.Weight is null ? 1 : 0])], dim: 0);
    }
}
