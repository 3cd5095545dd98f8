namespace Easel.Training;

/// <summary>A number for a text that is the same in every process (FNV-1a).</summary>
internal static class StableHash
{
    public static int Of(string text)
    {
        var hash = 2166136261u;
        foreach (var letter in text) hash = (hash ^ letter) * 16777619;
        return (int)(hash & 0x7fffffff);
    }
}
