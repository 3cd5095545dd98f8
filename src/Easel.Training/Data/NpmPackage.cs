using System.Formats.Tar;
using System.IO.Compression;

namespace Easel.Training.Data;

/// <summary>Brings npm packages onto this machine with the npm program, whose settings say from where.</summary>
internal static class NpmPackage
{
    /// <summary>The unpacked folder of a package, fetched if it is not there yet.</summary>
    /// <exception cref="EaselException">npm is missing or fails, or the package is under another licence.</exception>
    public static string Fetch(string folder, string name, string version, string licence)
    {
        var home = Path.Combine(folder, $"{name.TrimStart('@').Replace('/', '-')}-{version}");
        if (!Directory.Exists(home))
        {
            Directory.CreateDirectory(folder);
            if (!File.Exists(home + ".tgz")) Run(folder, "npm", ["pack", "--silent", $"{name}@{version}"]);
            var unpacking = home + ".part";
            if (Directory.Exists(unpacking)) Directory.Delete(unpacking, recursive: true);
            Directory.CreateDirectory(unpacking);
            using (var packed = new GZipStream(File.OpenRead(home + ".tgz"), CompressionMode.Decompress))
                TarFile.ExtractToDirectory(packed, unpacking, overwriteFiles: true);
            Directory.Move(unpacking, home);
        }
        var inner = Path.Combine(home, "package");
        using var about = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(inner, "package.json")));
        var says = about.RootElement.GetProperty("license").GetString();
        return says == licence ? inner : throw new EaselException($"The package {name} {version} is under {says} and not under {licence}, so it is not used.");
    }

    /// <returns>What the program prints.</returns>
    public static string Run(string folder, string program, IReadOnlyList<string> arguments, string? input = null)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments)
            {
                WorkingDirectory = folder,
                RedirectStandardError = true,
                RedirectStandardOutput = true,
                RedirectStandardInput = true,
            })!;
            if (input is not null) process.StandardInput.Write(input);
            process.StandardInput.Close();
            var said = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0) throw new EaselException($"{program} failed: {(errors + said.Result).Trim()}");
            return said.Result;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new EaselException($"The program {program} is needed to build the data and is not installed.", e);
        }
    }
}
