using System.Diagnostics;
using Easel.Cli.Options;
using Easel.Cli.Terminal;
using Easel.Imaging;

namespace Easel.Cli.Runs;

/// <summary>Enlarging with an ESRGAN network, which needs neither prompt nor seed: <c>easel upscale</c> with a file of that kind.</summary>
internal static class UpscalerRun
{
    public static void Execute(string model, RgbImage picture, DrawSettings settings, OutputFiles files, Shell shell)
    {
        var watch = Stopwatch.StartNew();
        using var progress = settings.Quiet ? new SilentProgress(shell) : IProgressDisplay.For(shell, quiet: false);
        using var upscaler = Upscaler.Load(model, settings.Load);
        var enlarged = upscaler.Upscale(picture, onTile: (done, all) => progress.Working($"enlarging {upscaler.Scale} times", (double)done / all),
            cancel: shell.Cancel);

        var request = new GenerationRequest { InitImage = picture, Width = enlarged.Width, Height = enlarged.Height, Watermark = false };
        var made = new GeneratedImage(enlarged, request, "", Seed: 0, Index: 0, HasWatermark: false);
        var file = files.Save(made, null, 0);
        progress.Result(settings.Json ? JsonLines.Picture(file, made, null) : file);
        if (settings.Show) TerminalImage.Show(enlarged, shell);
        if (!settings.Quiet) shell.Error.WriteLine(
            $"{picture.Width}x{picture.Height} to {enlarged.Width}x{enlarged.Height} in {Readable.Clock(watch.Elapsed)}");
    }
}
