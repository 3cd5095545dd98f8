namespace Easel.Models.Midas;

/// <summary>Makes a picture of tokens again: what the class token knows is mixed into each, and they are laid out as they lay in the picture. act_postprocess
/// in midas/vit.py.</summary>
internal sealed class MidasReassembly : Module
{
    private readonly ModuleList<Module> layers;

    /// <summary>Creates the layer; with <paramref name="halves"/> the picture comes out half as high and wide.</summary>
    public MidasReassembly(long width, long outputs, bool halves) : base(nameof(MidasReassembly))
    {
        // In the original "1" and "2" transpose and unflatten.
        layers = new ModuleList<Module>(new MidasReadout(width), Identity(), Identity(), new Conv2d(width, outputs, kernel: 1));
        if (halves) layers.Add(new Conv2d(outputs, outputs, kernel: 3, stride: 2, padding: 1));
        RegisterComponents();
    }

    public Tensor Forward(Tensor tokens, long height, long width) // [n, 1 + height * width, width of a token]
    {
        using var scope = NewDisposeScope();
        var h = ((MidasReadout)layers[0]).call(tokens);
        h = h.transpose(1, 2).reshape(h.shape[0], h.shape[2], height, width);
        foreach (var layer in layers.Skip(3)) h = ((Conv2d)layer).call(h);
        return h.MoveToOuterDisposeScope();
    }
}

/// <summary>Each token beside the class token, brought back to the width of one.</summary>
internal sealed class MidasReadout : Module<Tensor, Tensor>
{
    private readonly ModuleList<Linear> project;

    public MidasReadout(long width) : base(nameof(MidasReadout))
    {
        project = new ModuleList<Linear>(new Linear(2 * width, width));
        RegisterComponents();
    }

    public override Tensor forward(Tensor tokens) // [n, 1 + positions, width]
    {
        using var scope = NewDisposeScope();
        var own = tokens[.., 1..];
        return functional.gelu(project[0].call(cat([own, tokens[.., ..1].expand_as(own)], dim: -1))).MoveToOuterDisposeScope();
    }
}

/// <summary>Adds finer features to coarser ones and doubles height and width. FeatureFusionBlock_custom in midas/blocks.py.</summary>
internal sealed class MidasFusion : Module<Tensor, Tensor?, Tensor>
{
    private readonly MidasResidual? resConfUnit1;
    private readonly MidasResidual resConfUnit2;
    private readonly Conv2d out_conv;

    /// <summary>Creates the block; the coarsest has nothing to add to.</summary>
    public MidasFusion(long features, bool coarsest) : base(nameof(MidasFusion))
    {
        resConfUnit1 = coarsest ? null : new MidasResidual(features);
        resConfUnit2 = new MidasResidual(features);
        out_conv = new Conv2d(features, features, kernel: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor? finer) // both [n, features, h, w]
    {
        using var scope = NewDisposeScope();
        if (resConfUnit1 is not null) x = x + resConfUnit1.call(finer!);
        return out_conv.call(MidasDoubling.Double(resConfUnit2.call(x))).MoveToOuterDisposeScope(); // [n, features, 2h, 2w]
    }
}

/// <summary>Two convolutions added to their input.</summary>
internal sealed class MidasResidual : Module<Tensor, Tensor>
{
    private readonly Conv2d conv1, conv2;

    public MidasResidual(long features) : base(nameof(MidasResidual))
    {
        conv1 = new Conv2d(features, features, kernel: 3, padding: 1);
        conv2 = new Conv2d(features, features, kernel: 3, padding: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return (conv2.call(functional.relu(conv1.call(functional.relu(x)))) + x).MoveToOuterDisposeScope();
    }
}

/// <summary>Doubles height and width bilinearly, corners on corners.</summary>
internal sealed class MidasDoubling() : Module<Tensor, Tensor>(nameof(MidasDoubling))
{
    public override Tensor forward(Tensor x) => Double(x);

    public static Tensor Double(Tensor x) =>
        functional.interpolate(x, [2 * x.shape[2], 2 * x.shape[3]], mode: InterpolationMode.Bilinear, align_corners: true);
}
