using Easel.Cli.Options;
using Easel.Cli.Terminal;

namespace Easel.Cli.Commands;

/// <summary><c>easel completion SHELL</c>: scripts that make a shell complete our words, and the hidden command by which they ask for them.</summary>
internal static class CompletionCommand
{
    private const string Ask = "complete";

    private static readonly Dictionary<string, string> Scripts = new()
    {
        ["bash"] = """
            # easel completion for bash: eval "$(easel completion bash)"
            _easel() {
                local IFS=$'\n'
                COMPREPLY=($(compgen -W "$(easel complete --position "$COMP_POINT" -- "$COMP_LINE" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
            }
            complete -o default -F _easel easel
            """,
        ["zsh"] = """
            #compdef easel
            # easel completion for zsh: eval "$(easel completion zsh)"
            _easel() {
                local -a words_found
                words_found=("${(@f)$(easel complete --position "$CURSOR" -- "$BUFFER" 2>/dev/null)}")
                compadd -a words_found
                _files
            }
            compdef _easel easel
            """,
        ["fish"] = """
            # easel completion for fish: easel completion fish | source
            complete -c easel -a '(easel complete --position (commandline -C) -- (commandline -cp) 2>/dev/null)'
            """,
        ["pwsh"] = """
            # easel completion for PowerShell: easel completion pwsh | Out-String | Invoke-Expression
            Register-ArgumentCompleter -Native -CommandName easel -ScriptBlock {
                param($wordToComplete, $commandAst, $cursorPosition)
                easel complete --position $cursorPosition -- "$commandAst" | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
                    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
                }
            }
            """,
    };

    public static Command Create(Shell shell)
    {
        var name = new Argument<string>("shell") { Description = "bash, zsh, fish or pwsh" };
        name.CompletionSources.Add([.. Scripts.Keys]);
        return new PlainCommand("completion", "print a script that lets a shell complete easel's words",
            new HelpNotes("bash|zsh|fish|pwsh", ["eval \"$(easel completion bash)\"", "easel completion fish | source"]), [name], parsed =>
        {
            var asked = parsed.GetRequiredValue(name).ToLowerInvariant();
            if (!Scripts.TryGetValue(asked == "powershell" ? "pwsh" : asked, out var script))
                throw new UsageException($"There is no completion for '{asked}'; choose one of {string.Join(", ", Scripts.Keys)}.");
            shell.Out.WriteLine(script);
        });
    }

    /// <summary><c>easel complete --position N -- "easel draw --st"</c> prints what may follow, one to a line.</summary>
    public static Command CreateAnswers(Shell shell)
    {
        var position = Flags.Whole("where in the line the cursor is", "--position");
        var line = new Argument<string>("line");
        return new PlainCommand(Ask, "what may come next", new HelpNotes("--position N -- LINE", []), [position, line], parsed =>
        {
            foreach (var answer in Answers(parsed.GetRequiredValue(line), parsed.GetValue(position), shell)) shell.Out.WriteLine(answer);
        })
        { Hidden = true };
    }

    /// <summary>What may follow in a line up to a position; null is its end.</summary>
    public static IReadOnlyList<string> Answers(string line, int? position, Shell shell)
    {
        line = line[..Math.Clamp(position ?? line.Length, 0, line.Length)];
        var words = CommandLineParser.SplitCommandLine(line).Skip(1).ToList();
        var isNewWord = line.Length == 0 || char.IsWhiteSpace(line[^1]);
        var word = isNewWord || words.Count == 0 ? "" : words[^1];
        if (word.Length > 0) words.RemoveAt(words.Count - 1);

        var root = CommandLine.Root(shell);
        var commands = root.Subcommands.Where(command => !command.Hidden).SelectMany(command => command.Aliases.Prepend(command.Name));
        var current = words.Count > 0 && commands.Contains(words[0]) ? words[0] : null;
        Command command = root.Subcommands.First(c => c.Name == (current ?? "draw") || c.Aliases.Contains(current ?? "draw"));
        if (words.Count > 1 && command.Subcommands.FirstOrDefault(sub => sub.Name == words[1]) is { } sub) command = sub;

        IEnumerable<string> answers = ValuesAfter(words.LastOrDefault(), command)
            ?? (word.StartsWith('-') ? Names(command) : words.Count == 0 ? commands : command.Subcommands.Select(c => c.Name).Concat(ArgumentValues(command)));
        return [.. answers.Where(answer => answer.StartsWith(word, StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal)];
    }

    /// <summary>The values of the option before the cursor; empty for one that names a file or a number, null where it is no option with a value.</summary>
    private static IEnumerable<string>? ValuesAfter(string? before, Command command)
    {
        if (before is null || !before.StartsWith('-')) return null;
        var option = command.Options.FirstOrDefault(option => option.Name == before || option.Aliases.Contains(before));
        if (option is null || option.Arity.MinimumNumberOfValues == 0) return null;
        return option.CompletionSources.SelectMany(source => source(System.CommandLine.Completions.CompletionContext.Empty)).Select(item => item.Label);
    }

    private static IEnumerable<string> ArgumentValues(Command command) =>
        command.Arguments.SelectMany(argument => argument.CompletionSources)
            .SelectMany(source => source(System.CommandLine.Completions.CompletionContext.Empty)).Select(item => item.Label);

    /// <summary>One spelling of each name, and of a switch and its one-letter form the long one.</summary>
    private static IEnumerable<string> Names(Command command) => command.Options.Where(option => !option.Hidden)
        .SelectMany(option => option.Aliases.Prepend(option.Name).Where(name => name.StartsWith("--", StringComparison.Ordinal))
            .DistinctBy(name => name.Replace('_', '-')))
        .Append("--help");
}
