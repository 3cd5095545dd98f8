using Easel.Imaging;

namespace Easel.Extensions.AI;

/// <summary>What a caller of Microsoft.Extensions.AI asks for, as a request of Easel.</summary>
/// <param name="Request">What is drawn.</param>
/// <param name="Format">How it is written.</param>
/// <param name="Remarks">What was not honoured.</param>
internal sealed record Order(GenerationRequest Request, ImageFormat Format, IReadOnlyList<string> Remarks)
{
    private const string MaskName = "mask"; // of the picture that is one, without its extension

    /// <summary>Reads a caller's order.</summary>
    /// <exception cref="InvalidRequestException">Something cannot be honoured.</exception>
    /// <exception cref="EaselException">A picture given is none.</exception>
    public static Order Of(ImageGenerationRequest request, ImageGenerationOptions? options, EaselOptions own, EaselImageGenerator generator)
    {
        ArgumentNullException.ThrowIfNull(request);
        var remarks = new List<string>();
        var asked = Start(options, own, generator);
        asked = WithSettings(asked, options, remarks);
        asked = asked with { Prompt = request.Prompt ?? asked.Prompt };
        if (options?.Count is { } count) asked = asked with { BatchCount = count, BatchSize = 1 };
        if (options?.ImageSize is { } size) asked = WithSize(asked, size.Width, size.Height, remarks);
        if (options?.ModelId is { } model && !model.Equals(generator.ModelId, StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidRequestException(nameof(ImageGenerationOptions.ModelId), $"ModelId is '{model}', and this generator draws with "
                + $"'{generator.ModelId}'; AddKeyedEasel adds a generator for each further model.");
        }
        if (options?.ResponseFormat is { } format && format != ImageGenerationResponseFormat.Data)
        {
            throw new InvalidRequestException(nameof(ImageGenerationOptions.ResponseFormat),
                $"ResponseFormat is {format}; a picture that is drawn on this machine has no address, so that only Data is allowed.");
        }
        asked = WithPictures(asked, request.OriginalImages ?? [], remarks);
        asked.Validate();
        return new Order(asked, Formats.Of(options?.MediaType), remarks);
    }

    private static GenerationRequest Start(ImageGenerationOptions? options, EaselOptions own, EaselImageGenerator generator) =>
        options?.RawRepresentationFactory?.Invoke(generator) switch
        {
            null => own.Request,
            GenerationRequest request => request,
            var other => throw new InvalidRequestException(nameof(ImageGenerationOptions.RawRepresentationFactory),
                $"RawRepresentationFactory gave a {other.GetType().Name}; a {nameof(GenerationRequest)} is allowed."),
        };

    private static GenerationRequest WithSettings(GenerationRequest request, ImageGenerationOptions? options, List<string> remarks)
    {
        foreach (var (name, value) in options?.AdditionalProperties ?? [])
        {
            if (value is null) continue;
            if (Knobs.All.FirstOrDefault(knob => knob.Property.Equals(name, StringComparison.OrdinalIgnoreCase)) is not { } knob)
            {
                remarks.Add($"'{name}' is no setting of Easel and was passed over.");
                continue;
            }
            var text = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
            if (!knob.TryParse(text, out var parsed)) throw new InvalidRequestException(knob.Property,
                $"{knob.Property} is '{text}'; {knob.ValueKind} is expected.");
            request = knob.Set(request, parsed);
        }
        return request;
    }

    /// <summary>The interface asks for the closest size that is possible where the one asked for is not.</summary>
    private static GenerationRequest WithSize(GenerationRequest request, int width, int height, List<string> remarks)
    {
        var (fitWidth, fitHeight) = (Fit(width), Fit(height));
        if ((fitWidth, fitHeight) != (width, height))
            remarks.Add(string.Create(CultureInfo.InvariantCulture, $"{width}x{height} was drawn as {fitWidth}x{fitHeight}: sides are multiples of "
                + $"{GenerationRequest.SideStep}."));
        return request with { Width = fitWidth, Height = fitHeight };

        static int Fit(int side) => Math.Clamp(side, 64, GenerationRequest.LargestSide) / GenerationRequest.SideStep * GenerationRequest.SideStep;
    }

    private static GenerationRequest WithPictures(GenerationRequest request, IEnumerable<AIContent> pictures, List<string> remarks)
    {
        var (drawnOver, passedOver) = (false, 0);
        foreach (var picture in pictures)
        {
            if (picture is not DataContent data)
            {
                throw new InvalidRequestException(nameof(ImageGenerationRequest.OriginalImages), picture is UriContent
                    ? "A picture is given by its address; Easel fetches nothing, so that only its bytes (DataContent) are allowed."
                    : $"Among the pictures is a {picture.GetType().Name}; DataContent is allowed.");
            }
            using var bytes = new MemoryStream(data.Data.ToArray(), writable: false);
            if (string.Equals(Path.GetFileNameWithoutExtension(data.Name), MaskName, StringComparison.OrdinalIgnoreCase))
            {
                request = request with { Mask = ImageFile.LoadMask(bytes, data.Name!) };
            }
            else if (drawnOver)
            {
                passedOver++;
            }
            else
            {
                drawnOver = true;
                var (image, alpha) = ImageFile.LoadWithAlpha(bytes, data.Name ?? "the picture");
                request = request with { InitImage = image };
                if (alpha is not null && request.Mask is null) request = request with { Mask = MaskTools.Invert(alpha) };
            }
        }
        if (passedOver > 0) remarks.Add(
            string.Create(CultureInfo.InvariantCulture, $"One picture is drawn over at a time; {passedOver} further were passed over."));
        return request;
    }
}
