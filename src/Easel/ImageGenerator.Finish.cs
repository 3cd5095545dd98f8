using Easel.Imaging;
using Easel.Models.Tools;
using Easel.Pipeline;
using Easel.Weights;

namespace Easel;

/// <content>What is done with pictures that are drawn: details, the safety filter, the watermark.</content>
public sealed partial class ImageGenerator
{
    private readonly SafetyFilter? _safety;

    /// <summary>Whether what becomes of a run may be seen before it is judged, and is for the asking.</summary>
    private bool ShowsPreviews => (_options.Safety is SafetyAction.Off or SafetyAction.Tag) && _model.PreviewsInPassing;

    /// <summary>The job, and then what is done with the faces of each picture. Pictures that are already in the output are not delivered again.</summary>
    private void DrawWithFaces(GenerationRequest request, RunOutput output, Action<GenerationProgress>? onProgress, CancellationToken cancel)
    {
        if (request.FaceRestorer is not { } name)
        {
            DrawWithDetail(request, output, onProgress, cancel);
            return;
        }
        using var restorer = RestorerOf(name);
        var drawn = new RunOutput(null);
        DrawWithDetail(request with { FaceRestorer = null }, drawn, onProgress, cancel);
        output.Remark([.. drawn.Remarks, Upscaler.LicenceOf(restorer.MendsFaces)]);
        foreach (var image in drawn.Images.Skip(output.Images.Count))
        {
            var (picture, faces) = restorer.MendFaces(image.Image, fidelity: request.FaceFidelity, cancel: cancel);
            if (faces == 0) output.Remark($"No face was found in picture {image.Index + 1}, which is as it was drawn.");
            output.Add(image with { Image = picture, Request = image.Request with { FaceRestorer = name }, Asked = request });
        }
    }

    private IUpscaler RestorerOf(string name)
    {
        var path = _options.FaceRestorers?.Invoke(name) ?? name;
        if (!File.Exists(path))
        {
            throw new InvalidRequestException(nameof(GenerationRequest.FaceRestorer),
                $"There is no face restorer at {path}; give a file of GFPGAN or CodeFormer.");
        }
        var restorer = Upscaler.Load(path, _options with { Precision = Precision.Auto });
        if (restorer.MendsFaces is not null) return restorer;
        restorer.Dispose();
        throw new InvalidRequestException(nameof(GenerationRequest.FaceRestorer),
            $"{name} enlarges pictures and does not mend faces; GFPGAN and CodeFormer do.");
    }

    /// <summary>The job, and then what is to be drawn anew in each picture. Pictures that are already in the output are not delivered again.</summary>
    private void DrawWithDetail(GenerationRequest request, RunOutput output, Action<GenerationProgress>? onProgress, CancellationToken cancel)
    {
        if (request.Detail == DetailKind.None || Family.Enlarges > 1)
        {
            Draw(request, output, onProgress, cancel);
            return;
        }
        if (Canvas.IsSmall(Family.NativeSize) && request.DetailPrompt is null)
        {
            output.Remark($"No detail pass was made: at its {Family.NativeSize} pixels this model draws things whole and would paint one over each face. "
                + "With a prompt of the detail pass it does.");
            Draw(request with { Detail = DetailKind.None }, output, onProgress, cancel);
            return;
        }
        var whole = new RunOutput(null);
        Draw(request with { Detail = DetailKind.None }, whole, onProgress, cancel);
        output.Remark(whole.Remarks);
        using var finder = ToolFile.Faces();
        foreach (var image in whole.Images.Skip(output.Images.Count))
        {
            var picture = image.Image;
            var regions = DetailPass.Regions(finder.Find(picture, request.DetailConfidence), picture).ToList();
            foreach (var region in regions)
            {
                var part = new RunOutput(null);
                Draw(DetailPass.Of(request, image, picture, region, Family), part, onProgress, cancel);
                output.Remark(part.Remarks);
                picture = part.Images[0].Image;
            }
            if (regions.Count == 0) output.Remark($"No face was found in picture {image.Index + 1}, which is as it was drawn.");
            output.Add(image with { Image = picture, Request = image.Request with { Detail = request.Detail }, Asked = request });
        }
    }

    /// <summary>A picture as it is given out: judged where that is asked for, and marked.</summary>
    private GeneratedImage Finished(GeneratedImage image, RunOutput output)
    {
        image = Judged(image, output);
        if (!image.Request.Watermark || !Watermark.CanCarry(image.Image)) return image;
        return image with { Image = Watermark.Write(image.Image, Family.Watermark), HasWatermark = true };
    }

    /// <exception cref="EaselException">The picture is explicit, and such are refused.</exception>
    private GeneratedImage Judged(GeneratedImage image, RunOutput output)
    {
        if (_safety?.Judge(image.Image) is not { } verdict || verdict.Explicit < _options.SafetyShare) return image;
        var taken = $"which the safety filter takes for explicit ({verdict})";
        if (_options.Safety == SafetyAction.Refuse) throw new EaselException($"Picture {image.Index + 1}, {taken}, is not given out, nor are those after it.");
        var blurs = _options.Safety == SafetyAction.Blur;
        output.Remark($"Picture {image.Index + 1}, {taken}, {(blurs ? "is blurred." : "is given out as it is.")}");
        return image with { Image = blurs ? SafetyFilter.Blurred(image.Image) : image.Image, Safety = $"{(blurs ? "blurred" : "tagged")} {verdict}" };
    }
}
