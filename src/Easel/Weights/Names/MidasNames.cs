namespace Easel.Weights.Names;

/// <summary>How files name the depth estimator's tensors: as we do, but for a level between here and there.</summary>
internal static class MidasNames
{
    /// <summary>dpt_hybrid-midas-501f0c75.pt. The classifier, the last norm, and the half of the coarsest fusion that would join something coarser play no
    /// part.</summary>
    public static NameTable Original { get; } = new(
        new("pretrained.model.cls_token", "pretrained.model.tokens.cls_token"), new("pretrained.model.pos_embed", "pretrained.model.tokens.pos_embed"),
        new("pretrained.act_postprocess3", "pretrained.act_postprocess3.layers"), new("pretrained.act_postprocess4", "pretrained.act_postprocess4.layers"),
        new("pretrained.model.norm", null), new("pretrained.model.head", null), new("scratch.refinenet4.resConfUnit1", null));
}
