namespace Easel.Kernels;

/// <summary>Operators that libtorch registers and TorchSharp does not bind, reached by a script module written in memory: TorchScript can name any registered
/// operator. The code is what torch.jit.save writes, a class "Operators" of one-line methods, read by libtorch's own parser of serialized code.</summary>
internal static class ScriptOperators
{
    /// <summary>Loads the module.</summary>
    /// <exception cref="System.Runtime.InteropServices.ExternalException">This build of libtorch does not know a name in the code.</exception>
    public static jit.ScriptModule Load(string code)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, Archive(code));
            var operators = jit.load(path);
            operators.eval();
            return operators;
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>A TorchScript archive: a zip of stored entries with the code and a pickle of the one object, which has no attributes.</summary>
    private static byte[] Archive(string code)
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create))
        {
            Add("data.pkl", "\u0080\u0002c__torch__\nOperators\n)\u0081}b."); // protocol 2, GLOBAL, EMPTY_TUPLE, NEWOBJ, EMPTY_DICT, BUILD, STOP
            Add("code/__torch__.py", code);
            Add("constants.pkl", "\u0080\u0002).");
            Add("version", "6\n");

            void Add(string name, string content)
            {
                using var entry = zip.CreateEntry("operators/" + name, CompressionLevel.NoCompression).Open();
                entry.Write(Encoding.Latin1.GetBytes(content));
            }
        }
        return bytes.ToArray();
    }
}
