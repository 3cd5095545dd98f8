namespace Easel.Cli.Options;

/// <summary>Whether a command line is one of the original scripts'.</summary>
internal static class ScriptFlags
{
    /// <summary>
    /// Whether a command line speaks the scripts' language: one of their own flags, <c>--like compvis</c>, or <c>--ckpt</c> together with <c>--init-img</c>,
    /// which is the least that the original img2img is started with.
    /// </summary>
    public static bool AreIn(ParseResult parsed, DrawFlags flags, IReadOnlyDictionary<string, object?> turned)
    {
        var used = parsed.Tokens.Where(token => token.Type == TokenType.Option).Select(token => token.Value).ToHashSet();
        return used.Overlaps(flags.ScriptWords) || turned.GetValueOrDefault(nameof(GenerationRequest.Like)) is NoiseLike.CompVis
            || used.Contains("--ckpt") && (used.Contains("--init-img") || used.Contains("--init_img"));
    }

    /// <summary>What those flags mean here that do not mean what they did.</summary>
    public static IEnumerable<string> Notes(ParseResult parsed, DrawFlags flags)
    {
        if (parsed.GetValue(flags.TorchScript)) yield return "--torchscript changes nothing: Easel's networks are compiled already.";
        if (parsed.GetValue(flags.Ipex)) yield return "--ipex changes nothing: libtorch's own kernels for Intel and AMD processors are used.";
        if (parsed.GetValue(flags.Turbo)) yield return "--turbo changes nothing: the model stays in memory as a whole wherever it fits.";
        if (parsed.GetValue(flags.UNetBatch) is not null) yield return "--unet_bs changes nothing: both halves of a guided step are run together.";
        if (parsed.GetValue(flags.BFloat16)) yield return "--bf16 is --precision bf16.";
    }
}
