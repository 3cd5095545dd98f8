namespace Easel;

/// <summary>Requests whose mask is found and not painted.</summary>
internal static class SubjectMask
{
    /// <summary>A request with its mask, where it asks for one that is found.</summary>
    /// <exception cref="InvalidRequestException">Nobody was found.</exception>
    public static GenerationRequest In(GenerationRequest request) =>
        request is { MaskOf: MaskSubject.None } or { Mask: not null } || request.InitImage is not { } picture ? request : request with
        {
            Mask = BuiltInTool.MaskOf(picture, request.MaskOf) ?? throw new InvalidRequestException(nameof(request.MaskOf),
                "Nobody was found in the picture, so there is nothing to mask; give a mask of your own."),
        };
}
