namespace Easel.Imaging;

/// <summary>The bits that an invisible watermark repeats over a picture.</summary>
public sealed class WatermarkMark
{
    private readonly bool[] bits;

    private WatermarkMark(string name, bool[] bits)
    {
        if (bits.Length is 0 or > 4096) throw new EaselException($"A watermark has 1 to 4096 bits, but '{name}' has {bits.Length}.");
        (Name, this.bits) = (name, bits);
    }

    /// <summary>"StableDiffusionV1", 136 bits: written by the scripts of Stable Diffusion 1 (CompVis scripts/txt2img.py).</summary>
    public static WatermarkMark StableDiffusion1 { get; } = FromText("StableDiffusionV1");

    /// <summary>"SDV2", 32 bits: written by the scripts of Stable Diffusion 2 (Stability-AI scripts/txt2img.py).</summary>
    public static WatermarkMark StableDiffusion2 { get; } = FromText("SDV2");

    /// <summary>48 bits: written by Stability AI's scripts and by diffusers for Stable Diffusion XL.</summary>
    public static WatermarkMark StableDiffusionXl { get; } = FromBits("Stable Diffusion XL", "101100111110110010010000011110111011000110011110");

    /// <summary>What it is called: the text itself where it spells one.</summary>
    public string Name { get; }

    /// <summary>The bits, first one first.</summary>
    public IReadOnlyList<bool> Bits => bits;

    /// <summary>The mark that spells a text: its UTF-8 bytes, highest bit first.</summary>
    /// <exception cref="EaselException">The text is empty or longer than 512 bytes.</exception>
    public static WatermarkMark FromText(string text) => FromBytes(text, Encoding.UTF8.GetBytes(text));

    /// <summary>The mark made of bytes, highest bit first.</summary>
    /// <exception cref="EaselException">No bytes, or more than 512.</exception>
    public static WatermarkMark FromBytes(string name, ReadOnlySpan<byte> bytes)
    {
        var each = new bool[bytes.Length * 8];
        for (var i = 0; i < each.Length; i++) each[i] = (bytes[i / 8] >> 7 - i % 8 & 1) != 0;
        return new WatermarkMark(name, each);
    }

    /// <summary>The mark written as zeros and ones.</summary>
    /// <exception cref="EaselException">Another character, none, or more than 4096.</exception>
    public static WatermarkMark FromBits(string name, string bits) => bits.AsSpan().ContainsAnyExcept('0', '1')
        ? throw new EaselException($"The bits of the watermark '{name}' are zeros and ones, not '{bits}'.")
        : new WatermarkMark(name, [.. bits.Select(bit => bit == '1')]);

    internal ReadOnlySpan<bool> Span => bits;
}
