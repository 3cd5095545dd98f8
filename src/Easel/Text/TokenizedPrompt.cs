namespace Easel.Text;

/// <summary>A prompt as the text encoder takes it, and what of it did not fit.</summary>
/// <param name="Ids">The ids, always as many as asked for (77 for every Stable Diffusion): begin of text, the tokens, end of text, padding.</param>
/// <param name="TokenCount">How many tokens the whole text has, without the two marks and the padding.</param>
/// <param name="CutCount">How many of them did not fit; 0 for most prompts.</param>
/// <param name="CutText">The text of those tokens as the model would have read it (repaired and in lower case); empty when nothing was cut.</param>
internal sealed record TokenizedPrompt(int[] Ids, int TokenCount, int CutCount, string CutText);
