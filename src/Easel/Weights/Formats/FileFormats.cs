namespace Easel.Weights.Formats;

/// <summary>The formats that hold tensors.</summary>
internal enum FileFormat
{
    /// <summary>A JSON header, then the values.</summary>
    SafeTensors,

    /// <summary>What <c>torch.save</c> has written since PyTorch 1.6: a zip with a pickle and one entry per storage.</summary>
    TorchZip,

    /// <summary>What stable-diffusion.cpp and others of ggml's family write: keys and values, then tensors in blocks of few bits.</summary>
    Gguf,

    /// <summary>What <c>torch.save</c> wrote before: pickles in a row, then the storages.</summary>
    LegacyTorch,
}

/// <summary>Tells what a file is by its first bytes, and in a sentence of its own what it is instead when it is no model.</summary>
internal static class FileFormats
{
    private static readonly (int At, byte[] Magic, string What)[] Strangers =
    [
        (0, "lmgg"u8.ToArray(), "is a GGML file, older than GGUF; Easel reads GGUF, safetensors and PyTorch checkpoints"),
        (257, "ustar"u8.ToArray(),
            "is a tar archive, as PyTorch wrote before version 0.2; save it again with a newer PyTorch or, if a model is packed inside, unpack it first"),
        (0, [0x1F, 0x8B], "is compressed with gzip; unpack it first"),
        (0, [0xFD, .. "7zXZ"u8], "is compressed with xz; unpack it first"),
        (0, [0x28, 0xB5, 0x2F, 0xFD], "is compressed with zstd; unpack it first"),
        (0, "BZh"u8.ToArray(), "is compressed with bzip2; unpack it first"),
        (0, [.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C], "is a 7z archive; unpack it first"),
        (0, "Rar!"u8.ToArray(), "is a RAR archive; unpack it first"),
        (0, [0x89, .. "HDF"u8], "is an HDF5 file, as Keras writes; Easel reads safetensors and PyTorch checkpoints"),
        (0, [0x93, .. "NUMPY"u8], "is a NumPy array, not a model"),
        (0, [0x89, .. "PNG"u8], "is a picture, not a model"),
        (0, [0xFF, 0xD8, 0xFF], "is a picture, not a model"),
        (8, "WEBP"u8.ToArray(), "is a picture, not a model"),
        (0, "%PDF"u8.ToArray(), "is a PDF document, not a model"),
        (0, "version https://git-lfs"u8.ToArray(),
            "is a Git LFS pointer, a note of where the model is and not the model; fetch it with 'git lfs pull' or download the file itself"),
    ];

    /// <summary>The format of <paramref name="file"/>.</summary>
    /// <exception cref="CheckpointException">It is none of them; the message says what it looks like.</exception>
    public static FileFormat Of(ModelBytes file)
    {
        var head = file.Span(0, (int)Math.Min(file.Length, 4096));
        if (head.StartsWith("PK\x03\x04"u8) || head.StartsWith("PK\x05\x06"u8)) return FileFormat.TorchZip;
        if (head.StartsWith(Gguf.Magic)) return FileFormat.Gguf;
        // A header's length may begin with any byte, so the brace behind it is asked first.
        if (head.Length > 8 && head[8] == '{') return FileFormat.SafeTensors;
        if (LegacyTorch.StartsLikeOne(head)) return FileFormat.LegacyTorch;

        foreach (var (at, magic, what) in Strangers)
            if (head.Length > at && head[at..].StartsWith(magic)) throw file.Refuse(what);

        var text = Encoding.Latin1.GetString(head).TrimStart('\u00EF', '\u00BB', '\u00BF', ' ', '\t', '\r', '\n');
        if (text.StartsWith("<!doctype", StringComparison.OrdinalIgnoreCase) || text.StartsWith("<html", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("<head", StringComparison.OrdinalIgnoreCase) || text.StartsWith("<?xml", StringComparison.OrdinalIgnoreCase))
            throw file.Refuse("is a web page, not a model; the download gave a sign-in or an error page, so fetch it again in the browser");
        if (text.StartsWith('{') || text.StartsWith('[')) throw file.Refuse("is a JSON text, not a model");
        if (head.IndexOfAnyExcept((byte)0) < 0) throw file.Refuse("begins with nothing but zeros; its download or copy did not finish");
        if (head.Length < 8) throw file.Refuse($"has only {head.Length} bytes and is no model; its download or copy did not finish");
        // The commonest damage to a safetensors file: its length field is there, its header is not.
        if (file.UInt64(0) is > 0 and <= SafeTensors.LongestHeader) throw file.Refuse(SafeTensors.NoBrace);
        throw file.Refuse("is not a model file that Easel knows; those are .safetensors and .gguf files, "
            + "and the .ckpt, .pt, .pth and .bin files that PyTorch writes");
    }
}
