using Easel.Text.Prompts;
using Easel.Weights;
using Easel.Weights.Formats;
using Easel.Weights.Names;

namespace Easel.Pipeline;

/// <summary>The LoRAs of folders that were made for few steps.</summary>
internal static class FewStepLoras
{
    /// <summary>The one that prompts call, if they call one; a weight of 0 calls none.</summary>
    public static (string Name, FewSteps Way)? In(GenerationRequest request, IReadOnlyList<string> folders)
    {
        if (folders.Count == 0 || request.Literal) return null;
        var tags = request.Prompts.SelectMany(prompt => PromptParser.ExtractLoras(prompt).Loras).Where(tag => tag.UNetWeight != 0).DistinctBy(tag => tag.Name);
        NamedFiles? files = null;
        foreach (var tag in tags)
            if ((files ??= NamedFiles.Loras(folders)).FindAll(tag.Name) is [var path, ..] && Read(path) is { Way: { } way }) return (tag.Name, way);
        return null;
    }

    /// <summary>The best one for a model and a number of steps: made for that number, or for one near it.</summary>
    /// <param name="contextWidth">The width of the vectors that the model's UNet attends to, by which a LoRA for it is known.</param>
    /// <exception cref="InvalidRequestException">There is none.</exception>
    public static (string Name, FewSteps Way) For(GenerationRequest request, IReadOnlyList<string> folders, int contextWidth, int steps)
    {
        const string Needs = "Few steps need a LoRA made for them (LCM, Hyper, Lightning, TCD or DMD2)";
        if (request.Literal) throw Refused($"{Needs}, which a prompt that is taken literally cannot call.");
        if (folders.Count == 0) throw Refused($"{Needs}, and no folder of LoRAs was named when the model was loaded.");
        var files = NamedFiles.Loras(folders);
        var all = files.All.Select(file => (Name: file.Key, Read: Read(file.Value))).Where(lora => lora.Read.Way is not null).ToList();
        var fitting = all.FindAll(lora => lora.Read.ContextWidth is null || lora.Read.ContextWidth == contextWidth);
        if (fitting.Count > 0)
        {
            var best = fitting.OrderBy(lora => Math.Abs(lora.Read.Way!.Steps - steps)).ThenBy(lora => lora.Read.Way!.GuidanceScale)
                .ThenBy(lora => lora.Name, StringComparer.Ordinal).First();
            return (best.Name, best.Read.Way!);
        }
        throw Refused(all.Count > 0
            ? $"{Needs}, and those in {files.Where} are made for other models than this one: {string.Join(", ", all.Take(5).Select(lora => lora.Name))}."
            : $"{Needs}, and there is none in {files.Where}; they are called, for example, lcm-lora-sdv1-5 or Hyper-SD15-8steps-lora.");

        static InvalidRequestException Refused(string why) => new(nameof(GenerationRequest.Few), why);
    }

    private static (FewSteps? Way, long? ContextWidth) Read(string path)
    {
        try
        {
            using var file = TensorFile.Open(path);
            if (FewSteps.OfLora(file) is not { } way) return default;
            // What a cross-attention's key takes in is as wide as the prompt's vectors.
            var key = file.Tensors.FirstOrDefault(tensor => tensor.Key.Contains("attn2", StringComparison.Ordinal) && tensor.Value.Shape.Length >= 2
                && (tensor.Key.Contains("to_k.lora_down", StringComparison.Ordinal) || tensor.Key.Contains("to_k.lora_A", StringComparison.Ordinal)
                || tensor.Key.Contains("to_k.lora.down", StringComparison.Ordinal) || tensor.Key.Contains("to_k_lora.down", StringComparison.Ordinal)));
            return (way, key.Value?.Shape[1]);
        }
        catch (CheckpointException)
        {
            return default; // what is no LoRA is told where it is asked for by name
        }
    }
}
