using Easel.Cli.Options;

namespace Easel.Cli.Terminal;

/// <summary>What the help of a command says beside its flags.</summary>
internal sealed record HelpNotes(string Usage, IReadOnlyList<string> Examples);

/// <summary>A command that brings its own notes and sorts its flags.</summary>
internal interface IHasHelp
{
    HelpNotes Notes { get; }

    IReadOnlyList<FlagGroup> Groups { get; }
}

/// <summary>A command that is no more than its flags and an example or two.</summary>
internal sealed class PlainCommand : Command, IHasHelp
{
    public PlainCommand(string name, string description, HelpNotes notes, IReadOnlyList<Symbol> parts, Action<ParseResult>? action = null)
        : base(name, description)
    {
        Notes = notes;
        foreach (var argument in parts.OfType<Argument>()) Add(argument);
        foreach (var option in parts.OfType<Option>()) Add(option);
        foreach (var command in parts.OfType<Command>()) Add(command);
        if (action is not null) SetAction(action);
    }

    public HelpNotes Notes { get; }

    public IReadOnlyList<FlagGroup> Groups => Options.Count == 0 ? [] : [new FlagGroup("Flags", [.. Options.Where(option => !option.Hidden)])];
}

/// <summary>Writes <c>--help</c>.</summary>
internal static class HelpPage
{
    private const int Indent = 30;

    public static void Write(Command command, Shell shell)
    {
        var page = new StringBuilder();
        if (command is RootCommand root) WriteRoot(page, root);
        else WriteCommand(page, command);
        shell.Out.Write(page.ToString());
    }

    private static void WriteRoot(StringBuilder page, RootCommand root)
    {
        page.Append(CommandLine.Version).Append(": ").Append(root.Description).AppendLine().AppendLine();
        page.AppendLine("  easel \"a hamster painting with a brush\" --model sd-v1-4.ckpt").AppendLine();
        page.AppendLine("Commands (easel COMMAND --help tells more):");
        foreach (var command in root.Subcommands.Where(command => !command.Hidden)) Row(page, command.Name, command.Description ?? "");
        page.AppendLine();
        page.AppendLine("Variables:");
        Row(page, "EASEL_MODEL", "the checkpoint to use where none is named; without it the small model inside draws");
        Row(page, "EASEL_MODELS", "where models are found by name: folders, also those of other programs, parted as in PATH");
        Row(page, "EASEL_LORAS", "the folders of LoRAs, in place of those among the models");
        Row(page, "EASEL_EMBEDDINGS", "the folders of textual inversions, likewise");
        Row(page, "EASEL_DEBUG=1", "show where an error came from");
        page.AppendLine();
        WriteExitCodes(page);
    }

    private static void WriteCommand(StringBuilder page, Command command)
    {
        var help = command as IHasHelp;
        page.Append("easel ").Append(PathOf(command)).Append(": ").AppendLine(command.Description).AppendLine();
        page.Append("Usage: easel ").Append(PathOf(command)).Append(' ').AppendLine(help?.Notes.Usage ?? "COMMAND");
        foreach (var example in help?.Notes.Examples ?? []) page.Append("  ").AppendLine(example);
        if (command.Subcommands.Count > 0) page.AppendLine();
        foreach (var sub in command.Subcommands) Row(page, sub.Name, sub.Description ?? "");
        foreach (var group in help?.Groups ?? [])
        {
            page.AppendLine().Append(group.Title).AppendLine(":");
            foreach (var option in group.Options) Row(page, Names(option), option.Description ?? "");
        }
        page.AppendLine();
        WriteExitCodes(page);
    }

    private static void WriteExitCodes(StringBuilder page) =>
        page.AppendLine("Exit codes: 0 done, 1 failed while running, 2 bad input, 130 cancelled.");

    /// <summary>"-o, --output FILE": the short name and the first long one, and of others those that are no mere exchange of dashes.</summary>
    private static string Names(Option option)
    {
        var all = option.Aliases.Append(option.Name).Distinct().ToList();
        var shorts = all.Where(name => !name.StartsWith("--", StringComparison.Ordinal));
        var longs = all.Where(name => name.StartsWith("--", StringComparison.Ordinal)).OrderBy(name => name != option.Name)
            .DistinctBy(name => name.Replace('_', '-'));
        var value = option.Arity.MinimumNumberOfValues == 0 ? "" : " " + (option.HelpName ?? "VALUE");
        return string.Join(", ", shorts.Concat(longs)) + value;
    }

    private static void Row(StringBuilder page, string left, string right)
    {
        page.Append("  ").Append(left);
        if (left.Length > Indent - 3) page.AppendLine().Append(' ', Indent + 2);
        else page.Append(' ', Indent - left.Length);
        page.AppendLine(right);
    }

    /// <summary>The words that call a command: "models rm".</summary>
    public static string PathOf(Command command)
    {
        var parents = command.Parents.OfType<Command>().Where(parent => parent is not RootCommand).Select(parent => parent.Name);
        return string.Join(' ', parents.Append(command.Name));
    }
}
