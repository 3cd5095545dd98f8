namespace Easel.Imaging; internal static class LatentPreview { public static IReadOnlyList<RgbImage> Of(TorchSharp.torch.Tensor t) => []; }
