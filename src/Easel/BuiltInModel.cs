namespace Easel;

/// <summary>The small model that a build of Easel may carry beside it, drawn with where no other is named: one that easel train made.</summary>
public static class BuiltInModel
{
    /// <summary>Where the build puts the file: "models/sketch.safetensors" beside the program.</summary>
    public static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "models", "sketch.safetensors");

    /// <summary>Whether the file is there.</summary>
    public static bool Exists => File.Exists(Path);
}
