using System;
using System.IO;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// Copies a known 64-bit little-endian ELF library and sets the weak flag (VER_FLG_WEAK) on every entry of its .gnu.version_r section that needs one symbol version,
/// so that the dynamic loader warns about a missing version instead of refusing the file. Does nothing when the copy is already there and newer.
/// See the "Symbol Versioning" chapter of the Linux Standard Base: Elfxx_Verneed and Elfxx_Vernaux.
/// </summary>
public class WeakenVersionNeed : Task
{
    private const int SectionVersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort WeakFlag = 0x2;                // VER_FLG_WEAK

    [Required] public string Source { get; set; }
    [Required] public string Destination { get; set; }
    [Required] public string Version { get; set; }
    [Required] public string Sha256 { get; set; } // of the source: nothing else is changed

    public override bool Execute()
    {
        if (File.Exists(Destination) && File.GetLastWriteTimeUtc(Destination) >= File.GetLastWriteTimeUtc(Source)) return true;

        var file = File.ReadAllBytes(Source);
        string hash;
        using (var sha = SHA256.Create()) hash = BitConverter.ToString(sha.ComputeHash(file)).Replace("-", "").ToLowerInvariant();
        if (hash != Sha256)
        {
            Log.LogError("{0} is not the file that is known: its SHA-256 is {1} and not {2}. Where the version of TorchSharp was changed on purpose, the new "
                + "hash belongs into build/LibTorchSharp.targets.", Source, hash, Sha256);
            return false;
        }
        Weaken(file);
        Directory.CreateDirectory(Path.GetDirectoryName(Destination));
        var beside = Destination + "." + Guid.NewGuid().ToString("N");
        File.WriteAllBytes(beside, file);
        Replace(beside);
        return true;
    }

    /// <summary>In one act: a program that runs from the old file keeps it, and nobody meets half a file.</summary>
    private void Replace(string beside)
    {
        try
        {
            if (File.Exists(Destination)) File.Replace(beside, Destination, null);
            else File.Move(beside, Destination);
        }
        catch (IOException) when (File.Exists(Destination))
        {
            File.Delete(beside); // another build put the same file there meanwhile
        }
    }

    private void Weaken(byte[] file)
    {
        if (file.Length < 64 || file[0] != 0x7f || file[1] != 'E' || file[4] != 2 || file[5] != 1) return; // not a 64-bit little-endian ELF file

        var sections = (int)BitConverter.ToUInt64(file, 0x28);
        var count = BitConverter.ToUInt16(file, 0x3c);
        for (var i = 0; i < count; i++)
        {
            var section = sections + 64 * i;
            if (BitConverter.ToUInt32(file, section + 4) != SectionVersionNeeds) continue;

            var strings = sections + 64 * (int)BitConverter.ToUInt32(file, section + 40);
            var names = (int)BitConverter.ToUInt64(file, strings + 24);
            var need = (int)BitConverter.ToUInt64(file, section + 24);
            while (true)
            {
                var entries = BitConverter.ToUInt16(file, need + 2);
                var entry = need + (int)BitConverter.ToUInt32(file, need + 8);
                for (var k = 0; k < entries; k++)
                {
                    if (TextAt(file, names + (int)BitConverter.ToUInt32(file, entry + 8)) == Version) file[entry + 4] |= (byte)WeakFlag;
                    entry += (int)BitConverter.ToUInt32(file, entry + 12);
                }
                var next = (int)BitConverter.ToUInt32(file, need + 12);
                if (next == 0) break;
                need += next;
            }
        }
    }

    private static string TextAt(byte[] file, int start)
    {
        var end = Array.IndexOf(file, (byte)0, start);
        return Encoding.ASCII.GetString(file, start, end - start);
    }
}
