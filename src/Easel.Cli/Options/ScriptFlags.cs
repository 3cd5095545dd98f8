using System.CommandLine;
using System.CommandLine.Parsing;

namespace Easel.Cli.Options;

/// <summary>The words that only the original scripts use, by which a command line is known to mean what it means there.</summary>
internal static class ScriptFlags
{
    private static readonly HashSet<string> Words =
    [
        .. Flags.Spellings(
        [
            "--plms", "--dpm_solver", "--dpm", "--ddim_steps", "--ddim_eta", "--n_samples", "--n_iter", "--n_rows", "--H", "--W", "--C", "--f", "--scale",
            "--fixed_code", "--skip_grid", "--skip_save", "--repeat", "--laion400m", "--torchscript", "--ipex", "--bf16", "--turbo", "--unet_bs",
        ]),
    ];

    /// <summary>
    /// Whether a command line speaks the scripts' language: one of their own flags, <c>--like compvis</c>, or <c>--ckpt</c> together with <c>--init-img</c>,
    /// which is the least that the original img2img is started with.
    /// </summary>
    public static bool AreIn(ParseResult parsed, DrawFlags flags)
    {
        var used = parsed.Tokens.Where(token => token.Type == TokenType.Option).Select(token => token.Value).ToHashSet();
        return used.Overlaps(Words) || parsed.GetValue(flags.Like) == NoiseLike.CompVis
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
