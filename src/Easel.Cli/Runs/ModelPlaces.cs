using Easel.Hub;

namespace Easel.Cli.Runs;

/// <summary>Where this person's models are.</summary>
internal static class ModelPlaces
{
    public static HubSettings Hub(Shell shell) => HubSettings.Of(shell.Variable);

    public static ModelFolders Folders(Shell shell) => new(Places(shell));

    /// <summary>The places in which models are looked for by name, those that are named first.</summary>
    public static IReadOnlyList<string> Places(Shell shell) => [.. Listed(shell, "EASEL_MODELS"), "models", UserFolders.Models, Hub(shell).CacheFolder];

    /// <summary>The folders that a variable lists, parted as in PATH.</summary>
    public static IReadOnlyList<string> Listed(Shell shell, string variable) =>
        (shell.Variable(variable) ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
