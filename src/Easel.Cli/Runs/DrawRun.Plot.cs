using System.Diagnostics;
using Easel.Cli.Options;
using Easel.Cli.Terminal;
using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Cli.Runs;

/// <content>Plots: a run for each place, and a sheet with all of them.</content>
internal sealed partial class DrawRun
{
    private void ExecutePlot(PictureGrid plot, string path, LoadOptions options, Profile profile, GenerationRequest request, Inputs inputs)
    {
        if (settings.Plan) throw new UsageException("--plan tells of one run; leave --x, --y, --z and --matrix out.");
        if (settings.Task == DrawTask.Upscale) throw new UsageException("A plot is drawn from words; upscale has no --x, --y, --z or --matrix.");
        if (Again is not null) throw new UsageException("again makes one picture once more; it has no --x, --y, --z or --matrix.");
        var sheet = settings.SheetOf(plot);
        if (sheet.Places > GridAxis.Most)
            throw new UsageException($"The plot has {sheet.Places} places; at most {GridAxis.Most} are possible.");
        var cells = plot.Cells(new GridCell(request));
        foreach (var cell in cells) cell.Request.Validate();
        var models = cells.Select(cell => cell.Model).Distinct().ToDictionary(name => name ?? "", name => name is null ? path : ModelChoice.Find(name, shell));
        var vaes = cells.Select(cell => cell.Vae).OfType<string>().Distinct().ToDictionary(name => name, name => ModelChoice.Vae(name, shell));
        var own = ModelFile.Read(path, options).Model?.Defaults.Size ?? 512;
        var sizes = cells.Select(cell => SizeOf(cell.Request, inputs, own)).ToList();
        sheet.Validate(sizes.Max(size => size.Width), sizes.Max(size => size.Height));
        using var files = new OutputFiles(settings, profile);
        files.Prepare(1 + cells.Sum(cell => cell.Request.PictureCount));

        List<string> notes = [.. settings.Notes, .. inputs.Notes];
        var images = new List<GeneratedImage>[cells.Count];
        var watch = Stopwatch.StartNew();
        string saved;
        using (var progress = settings.Quiet ? new SilentProgress(shell) : IProgressDisplay.For(shell, quiet: false))
        {
            foreach (var note in notes) progress.Note(note);
            ImageMetadata? text = null;
            foreach (var group in cells.Index().GroupBy(cell => (cell.Item.Model, cell.Item.Vae)))
            {
                var (model, how) = (models[group.Key.Model ?? ""], group.Key.Vae is { } vae ? options with { Vae = vaes[vae] } : options);
                var label = $"loading {Path.GetFileName(model)}";
                using var generator = ImageGenerator.Load(model, how, share => progress.Working(label, share), shell.Cancel);
                CheckModel(generator.Model, model);
                var stamp = settings.NoMetadata ? null : ModelStamp.Of(model, how, shell.Cancel);
                foreach (var (place, cell) in group)
                {
                    images[place] = [];
                    var result = generator.Generate(cell.Request, progress.Drawing, shell.Cancel, image =>
                    {
                        images[place].Add(image);
                        var told = stamp?.MetadataOf(image);
                        if (place == 0 && images[0].Count == 1) text = told;
                        if (settings.SkipSave) return;
                        _saved.Add(files.Save(image, told, _saved.Count + (settings.Output is null ? 0 : 1)));
                        progress.Result(settings.Json ? JsonLines.Picture(_saved[^1], image, told) : _saved[^1]);
                    });
                    foreach (var remark in result.Remarks.Except(notes).ToList())
                    {
                        notes.Add(remark);
                        progress.Note(remark);
                    }
                }
            }
            foreach (var remark in sheet.Remarks())
            {
                notes.Add(remark);
                progress.Note(remark);
            }
            var squares = images.Select(Square).ToList();
            var drawn = sheet.Draw(squares.Max(image => image.Width), squares.Max(image => image.Height), place => squares[place]);
            saved = files.SaveGrid(drawn, text is null ? null : new ImageMetadata(WithPlot(text, plot)), isFirst: true);
            _saved.Add(saved);
            if (!settings.Json) progress.Result(saved);
            if (settings.Show) TerminalImage.Show(drawn, shell);
        }
        watch.Stop();
        var all = images.SelectMany(place => place).ToList();
        if (settings.Json)
            shell.Out.WriteLine(JsonLines.End(new GenerationResult(all, all[0].Seed, notes), _saved, saved, path, watch.Elapsed));
        if (!settings.Quiet) shell.Error.WriteLine($"{Counted(all.Count)} on a sheet in {Readable.Clock(watch.Elapsed)}, seed {all[0].Seed}");
    }

    /// <summary>The text of the first picture, and what changes on the sheet.</summary>
    private static string WithPlot(ImageMetadata text, PictureGrid plot) =>
        Infotext.Parse(text.Parameters ?? "") is var told ? (told with { Settings = [.. told.Settings, .. plot.Told] }).ToString() : "";

    private static (int Width, int Height) SizeOf(GenerationRequest request, Inputs inputs, int own)
    {
        var (width, height) = (request.Width ?? inputs.Picture?.Width ?? own, request.Height ?? inputs.Picture?.Height ?? own);
        var (wide, high) = request.SizeOfSecondPass(width, height) ?? (width, height);
        var across = (int)Math.Ceiling(Math.Sqrt(request.PictureCount));
        return (wide * across, high * across);
    }

    /// <summary>The pictures of one place as one.</summary>
    private static RgbImage Square(List<GeneratedImage> images) =>
        ImageGrid.Make([.. images.Select(image => image.Image)], (int)Math.Ceiling(Math.Sqrt(images.Count)));
}
