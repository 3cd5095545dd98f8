namespace Easel.Text.Repair;

/// <summary>Reads the tables embedded in the library; Data/README.md says what each holds and how it was made.</summary>
internal static class TextTable
{
    /// <summary>A code point as the tables write it.</summary>
    public static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>The lines of Data/<paramref name="name"/>.txt.br.</summary>
    public static IEnumerable<string> Lines(string name)
    {
        using var packed = typeof(TextTable).Assembly.GetManifestResourceStream($"Easel.Text.{name}.txt.br")!;
        using var reader = new StreamReader(new BrotliStream(packed, CompressionMode.Decompress));
        while (reader.ReadLine() is { } line) yield return line;
    }
}
