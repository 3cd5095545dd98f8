namespace Easel.Training.Data;

internal static class DataFile
{
    /// <summary>Writes lines beside and renames the file into place, so that none is ever half there.</summary>
    public static void WriteLines(string path, IEnumerable<string> lines)
    {
        File.WriteAllLines(path + ".part", lines);
        File.Move(path + ".part", path, overwrite: true);
    }
}
