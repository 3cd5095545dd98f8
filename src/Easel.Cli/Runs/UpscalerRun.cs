using System.Diagnostics;
using Easel.Cli.Options;
using Easel.Cli.Terminal;
using Easel.Imaging;

namespace Easel.Cli.Runs;

/// <summary>Enlarging with an upscaling network, which needs neither prompt nor seed: <c>easel upscale</c> with a file of that kind, or with none; and mending
/// faces, with a file of that kind or behind it.</summary>
internal static class UpscalerRun
{
    /// <param name="asked">What the command line says of faces; the rest of it plays no part.</param>
    public static void Execute(string model, RgbImage picture, GenerationRequest asked, DrawSettings settings, OutputFiles files, Shell shell)
    {
        var watch = Stopwatch.StartNew();
        using var progress = settings.Quiet ? new SilentProgress(shell) : IProgressDisplay.For(shell, quiet: false);
        using IUpscaler upscaler = Upscaler.Load(model, settings.Load);
        var times = settings.Times ?? upscaler.Scale;
        var enlarged = upscaler.MendsFaces is not null ? Mended(picture, upscaler)
            : upscaler.UpscaleTo(picture, Side(picture.Width), Side(picture.Height),
                onTile: (done, all) => progress.Working($"enlarging {times.ToString(CultureInfo.InvariantCulture)} times", (double)done / all),
                    cancel: shell.Cancel);
        if (asked.FaceRestorer is { } named)
        {
            using IUpscaler restorer = Upscaler.Load(ModelChoice.FaceRestorer(named, shell), settings.Load);
            enlarged = Mended(enlarged, restorer);
        }

        var request = new GenerationRequest { InitImage = picture, Width = enlarged.Width, Height = enlarged.Height, Watermark = false };
        var made = new GeneratedImage(enlarged, request, "", Seed: 0, Index: 0, HasWatermark: false);
        var file = files.Save(made, null, 0);
        progress.Result(settings.Json ? JsonLines.Picture(file, made, null) : file);
        if (settings.Show) TerminalImage.Show(enlarged, shell);
        if (!settings.Quiet) shell.Error.WriteLine(
            $"{picture.Width}x{picture.Height} to {enlarged.Width}x{enlarged.Height} in {Readable.Clock(watch.Elapsed)} ({Path.GetFileName(model)})");

        RgbImage Mended(RgbImage image, IUpscaler restorer)
        {
            var (mended, faces) = restorer.MendFaces(image, fidelity: asked.FaceFidelity, cancel: shell.Cancel,
                onFace: (done, all) => progress.Working("mending faces", (double)done / all));
            if (faces == 0) progress.Note("No face was found in the picture.");
            if (Upscaler.LicenceOf(restorer.MendsFaces) is { } licence) progress.Note(licence);
            return mended;
        }

        int Side(int side) => Math.Max(1, (int)Math.Round(side * times));
    }
}
