using System.Diagnostics;
using Easel.Cli.Commands;
using Easel.Cli.Options;
using Easel.Cli.Terminal;
using Easel.Imaging;
using Easel.Metadata;

namespace Easel.Cli.Runs;

/// <summary>One drawing run: from a command line to files.</summary>
internal sealed partial class DrawRun(DrawSettings settings, Shell shell)
{
    private readonly List<string> _saved = [];

    /// <summary>The settings inside a picture that is to be made again; null where the command line says what to draw.</summary>
    public PictureSettings? Again { get; set; }

    /// <exception cref="OperationCanceledException">It was cancelled; pictures finished before are kept.</exception>
    public void Execute()
    {
        // Everything that can be wrong is found before the model, which takes its time, is loaded.
        var inputs = Inputs.Load(settings, shell.In);
        var profile = Profile.For(settings);
        var request = RequestFor(profile, inputs);
        request.Validate();
        if (request.Refiner is { } refiner) _ = ModelChoice.Refiner(refiner, shell);
        if (request.FaceRestorer is { } restorer) _ = ModelChoice.FaceRestorer(restorer, shell);
        var path = settings.Task == DrawTask.Upscale ? ModelChoice.FindUpscaler(settings.Model, settings.Times, shell)
            : ModelChoice.Find(settings.Model, shell);
        var options = ModelChoice.Options(settings.Load, shell);
        if (Again is not null) Again = ModelFile.WithLorasOf(Again, options);
        if (settings.Plot is { } plot)
        {
            ExecutePlot(plot, path, options, profile, request, inputs);
            return;
        }
        if (settings.Plan)
        {
            TellPlan(path, options, inputs);
            return;
        }
        using var files = new OutputFiles(settings, profile);
        if (!settings.SkipSave || GridIsWanted(profile)) files.Prepare(Again is null ? request.PictureCount : 1);
        var isPlain = settings.Task == DrawTask.Upscale && Upscaler.IsIn(path);
        if (settings.Times is not null && !isPlain)
            throw new UsageException("--times goes with upscale and a network that enlarges in one pass, such as those that come with Easel.");
        if (isPlain && inputs.Picture is { } picture)
            UpscalerRun.Execute(path, picture, request, settings, files, shell);
        else if (settings.Quiet) Draw(path, options, inputs, files, new SilentProgress(shell));
        else Draw(path, options, inputs, files, IProgressDisplay.For(shell, quiet: false));
    }

    private void Draw(string path, LoadOptions options, Inputs inputs, OutputFiles files, IProgressDisplay progress)
    {
        GenerationResult result;
        List<string> notes = [.. settings.Notes, .. inputs.Notes];
        RgbImage? sheet;
        var watch = new Stopwatch();
        using (progress)
        {
            // 1. Load
            foreach (var note in notes) progress.Note(note);
            var label = $"loading {Path.GetFileName(path)}";
            using var generator = ImageGenerator.Load(path, options, share => progress.Working(label, share), shell.Cancel);
            shell.Cancel.ThrowIfCancellationRequested();
            var profile = Profile.For(settings, generator.Model); // now that it is known whose scripts go with the model
            var request = RequestFor(profile, inputs);
            CheckModel(generator.Model, path);

            var stamp = settings.NoMetadata ? null : ModelStamp.Of(path, options, shell.Cancel);
            if (Again is not null)
            {
                foreach (var difference in AgainCommand.Differences(Again, path, stamp?.Hash?.GetAwaiter().GetResult(), request))
                {
                    notes.Add(difference);
                    progress.Note(difference);
                }
            }

            var plan = generator.Plan(request);
            if (settings.Json) shell.Out.WriteLine(JsonLines.Plan(plan, path));
            else progress.Note(plan.ToString());

            // 2. Draw; each picture is saved as soon as it is there
            watch.Start();
            var wanted = Again is null ? (int?)null : Again.IndexIn(request);
            var (marked, grid) = (request.Watermark, GridIsWanted(profile));
            // The scripts make their sheet of unmarked pictures and mark it as a whole.
            result = generator.Generate(request with { Watermark = marked && !grid }, progress.Drawing, shell.Cancel, image =>
            {
                if (settings.SkipSave || wanted is not null && image.Index != wanted) return;
                var finished = grid ? Marked(image, marked, generator.Model) : image;
                var text = stamp?.MetadataOf(finished);
                _saved.Add(files.Save(finished, text, _saved.Count));
                if (finished.HasWatermark && OutputFiles.HasLost(_saved[^1]))
                {
                    finished = finished with { HasWatermark = false };
                    progress.Note($"{_saved[^1]} does not carry the invisible watermark: its format lost it; PNG keeps it, and JPEG from --quality 90 on.");
                }
                progress.Result(settings.Json ? JsonLines.Picture(_saved[^1], finished, text) : _saved[^1]);
            });

            // 3. The sheet
            sheet = grid ? ImageGrid.Make([.. result.Images.Select(image => image.Image)], ColumnsOf(request)) : null;
            if (sheet is not null)
            {
                if (marked && Watermark.CanCarry(sheet)) sheet = Watermark.Write(sheet, generator.Model.Watermark);
                var first = Marked(result.Images[0], marked, generator.Model);
                _saved.Add(files.SaveGrid(sheet, stamp?.MetadataOf(first)));
                if (!settings.Json) progress.Result(_saved[^1]);
            }
            foreach (var remark in result.Remarks) progress.Note(remark);
            watch.Stop();
        }

        // 4. Report
        var told = result with { Remarks = [.. notes, .. result.Remarks] };
        if (settings.Json) shell.Out.WriteLine(JsonLines.End(told, _saved, sheet is null ? null : _saved[^1], path, watch.Elapsed));
        if (settings.Show) TerminalImage.Show(sheet ?? result.Images[^1].Image, shell);
        if (!settings.Quiet) shell.Error.WriteLine(
            $"{Counted(Again is null ? result.Images.Count : 1)} in {Readable.Clock(watch.Elapsed)}, seed {result.Seed}");
    }

    /// <summary>What the run would take, and nothing drawn: of the model only what its file says of it is read.</summary>
    private void TellPlan(string path, LoadOptions options, Inputs inputs)
    {
        if (settings.Task == DrawTask.Upscale && Upscaler.IsIn(path))
            throw new UsageException($"--plan is for diffusion models; {Path.GetFileName(path)} enlarges in one pass.");
        var file = ModelFile.Read(path, options);
        if (file.Model is { } model) CheckModel(model, path);
        var request = RequestFor(Profile.For(settings, file.Model), inputs);
        var plan = ImageGenerator.Plan(path, request, options); // says so where it is no model to draw with
        using (var progress = settings.Quiet ? new SilentProgress(shell) : IProgressDisplay.For(shell, quiet: false))
            foreach (var note in NotesOnPlan(path, options, inputs, request, progress)) progress.Note(note);
        shell.Out.WriteLine(settings.Json ? JsonLines.Plan(plan, path) : PlanFacts.Of(plan, $"{path} ({file.Description})", request).ToText());
    }

    /// <summary>What the run would tell before it draws.</summary>
    private List<string> NotesOnPlan(string path, LoadOptions options, Inputs inputs, GenerationRequest request, IProgressDisplay progress)
    {
        List<string> notes = [.. settings.Notes, .. inputs.Notes];
        if (Again is null) return notes;
        var label = $"reading {Path.GetFileName(path)}";
        var hash = settings.NoMetadata || Again.Text["Model hash"] is null ? null
            : ModelStamp.HashOf(path, options.CacheFolder, share => progress.Working(label, share), shell.Cancel);
        return [.. notes, .. AgainCommand.Differences(Again, path, hash, request)];
    }

    private GenerationRequest RequestFor(Profile profile, Inputs inputs)
    {
        if (Again is null) return RequestBuilder.Build(settings, profile, inputs);
        return RequestBuilder.Turned(Again.ToRequest(), settings, inputs);
    }

    private void CheckModel(ModelInfo model, string path)
    {
        if (Again is not null) return;
        var name = $"{Path.GetFileName(path)} ({model.Family})";
        if (settings.Task == DrawTask.Upscale && model.Enlarges == 1)
            throw new UsageException($"{name} does not enlarge pictures; upscale needs the x4 upscaler's checkpoint.");
        if (settings.Task == DrawTask.Depth && !model.TakesDepth)
            throw new UsageException($"{name} does not look at depth; depth2img needs a depth model's checkpoint.");
        if (settings.Task != DrawTask.Upscale && model.Enlarges > 1)
            throw new UsageException($"{name} only enlarges pictures: easel upscale -i picture.png.");
        var (own, factor) = (model.LatentChannels, model.PixelsPerPosition);
        if (settings.Claimed.Channels is { } channels && channels != own)
            throw new UsageException($"--C is {channels}, but the latents of {name} have {own} channels.");
        if (settings.Claimed.Factor is { } claimed && claimed != factor)
            throw new UsageException($"--f is {claimed}, but a latent of {name} stands for {factor} x {factor} pixels.");
    }

    private bool GridIsWanted(Profile profile) => settings.Grid || profile.Grid && !settings.SkipGrid && settings.Output is null;

    private int ColumnsOf(GenerationRequest request)
    {
        if (settings.Rows is > 0 and var rows) return rows;
        var many = request.Prompts.Count * request.BatchCount;
        return request.BatchSize > 1 ? request.BatchSize : (int)Math.Ceiling(Math.Sqrt(many));
    }

    private static GeneratedImage Marked(GeneratedImage image, bool marked, ModelInfo model)
    {
        var carries = marked && Watermark.CanCarry(image.Image);
        return image with
        {
            Image = carries ? Watermark.Write(image.Image, model.Watermark) : image.Image,
            Request = image.Request with { Watermark = marked },
            HasWatermark = carries,
        };
    }

    private static string Counted(int pictures) => pictures == 1 ? "1 picture" : $"{pictures} pictures";
}
