namespace Easel.Text.Prompts;

/// <summary>A LoRA that a prompt asks for.</summary>
/// <param name="Name">Its name: the file's, without folder and extension.</param>
/// <param name="TextEncoderWeight">The multiplier for its changes to the text encoder; 1 unless the prompt says otherwise.</param>
/// <param name="UNetWeight">The multiplier for its changes to the UNet; that of the text encoder unless the prompt says otherwise.</param>
internal sealed record LoraTag(string Name, double TextEncoderWeight, double UNetWeight);

/// <summary>A prompt without its tags in angle brackets, and what they asked for.</summary>
/// <param name="Ignored">Tags that mean nothing here, as written: other kinds (<c>&lt;hypernet:...&gt;</c>) and weights that are no numbers. Worth telling the
/// user.</param>
internal sealed record LoraTags(string Text, IReadOnlyList<LoraTag> Loras, IReadOnlyList<string> Ignored)
{
    /// <summary>What a person should be told of the tags that mean nothing here.</summary>
    public IEnumerable<string> Remarks => Ignored.Select(tag => $"The prompt's {tag} is nothing that Easel knows; it was passed over.");
}
