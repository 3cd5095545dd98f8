using Easel.Hub;

namespace Easel.Cli.Runs;

/// <summary>Where this person's models are.</summary>
internal static class ModelPlaces
{
    public static HubSettings Hub(Shell shell) => HubSettings.Of(shell.Variable);

    public static ModelFolders Folders(Shell shell) => new(Places(shell), new HubCache(Hub(shell).CacheFolder));

    /// <summary>The folders in which models are looked for by name, those that are named first.</summary>
    public static IReadOnlyList<string> Places(Shell shell) =>
    [
        .. (shell.Variable("EASEL_MODELS") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
        "models",
        UserFolders.Models,
    ];
}
