using Request = Easel.GenerationRequest;

namespace Easel;

/// <content>Rows of the detail pass.</content>
public static partial class Knobs
{
    private static Knob[] Detail =>
    [
        new(nameof(Request.Detail))
        {
            Label = "Detail", Group = "Faces",
            Noun = "detail pass", Help = "find faces in each picture and draw each anew, as large as the model draws", Flags = ["--detail"],
            Choices = [new(DetailKind.None, "none", "off"), new(DetailKind.Faces, "faces", "face")],
            InfotextKey = "Detail", SdapiName = "detail", OpenAiName = "detail", McpName = "detail",
        },
        new(nameof(Request.DetailPrompt))
        {
            Label = "Detail prompt", Group = "Faces", Noun = "prompt of the detail pass", Help = "the prompt of the detail pass; the picture's if left out",
            Flags = ["--detail-prompt"], InfotextKey = "Detail prompt", SdapiName = "detail_prompt", OpenAiName = "detail_prompt", McpName = "detail_prompt",
            Needs = KnobNeeds.Detail,
        },
        new(nameof(Request.DetailStrength))
        {
            Label = "Detail strength", Group = "Faces", Noun = "strength of the detail pass", Help = "how far the detail pass may stray from what was there",
            Flags = ["--detail-strength"], InfotextKey = "Detail strength", SdapiName = "detail_strength", OpenAiName = "detail_strength",
            McpName = "detail_strength", Range = (0, 1), Step = 0.05, Needs = KnobNeeds.Detail,
        },
        new(nameof(Request.DetailConfidence))
        {
            Label = "Detail confidence", Group = "Faces", Noun = "confidence of the detail pass", Help = "how sure the detail pass must be that it sees a face",
            Flags = ["--detail-confidence"], InfotextKey = "Detail confidence", SdapiName = "detail_confidence", OpenAiName = "detail_confidence",
            McpName = "detail_confidence", Range = (0, 1), Step = 0.05, Needs = KnobNeeds.Detail,
        },
        new(nameof(Request.FaceRestorer))
        {
            Label = "Face restorer", Help = "a network that mends the faces of each picture: a file of GFPGAN or CodeFormer", Flags = ["--restore-faces"],
            ValueName = "MODEL", InfotextKey = "Face restoration", SdapiName = "face_restorer", OpenAiName = "face_restorer", McpName = "face_restorer",
            NoneWords = ["None"], Tell = told => told.Request.FaceRestorer is { } name ? WithoutEnding(Path.GetFileName(name)) : null,
            Check = r => { if (r.FaceRestorer is { } name && string.IsNullOrWhiteSpace(name))
                throw new InvalidRequestException(nameof(r.FaceRestorer), "The face restorer is named by an empty text; name a network, or leave it out."); },
        },
        new(nameof(Request.FaceFidelity))
        {
            Label = "CodeFormer weight", Help = "how true the faces that CodeFormer mends stay to what was drawn", Flags = ["--codeformer-weight"],
            InfotextKey = "CodeFormer weight", SdapiName = "code_former_weight", OpenAiName = "codeformer_weight", McpName = "codeformer_weight",
            Range = (0, 1), Step = 0.05, Needs = KnobNeeds.FaceRestorer,
        },
    ];

    /// <summary>A file's name without its ending; what is no file's name, such as "GFPGANv1.4", stays whole.</summary>
    private static string WithoutEnding(string file) => Path.GetExtension(file).ToLowerInvariant() is ".pth" or ".pt" or ".safetensors" or ".ckpt" or ".bin"
        ? Path.GetFileNameWithoutExtension(file) : file;
}
