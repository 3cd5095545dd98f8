using System.CommandLine.Help;
using Easel.Cli.Commands;
using Easel.Cli.Options;
using Easel.Cli.Terminal;

namespace Easel.Cli;

/// <summary>The whole command: which words mean what, and how errors are told.</summary>
internal static class CommandLine
{
    /// <summary>A prompt may begin with @ and may look like a bundle of flags, so neither has a meaning of its own.</summary>
    public static readonly ParserConfiguration Configuration = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };

    /// <summary>The version, as <c>--version</c> prints it.</summary>
    public static string Version => "easel " + (typeof(CommandLine).Assembly.GetName().Version?.ToString(3) ?? "");

    public static int Run(string[] args, Shell shell)
    {
        try
        {
            var root = Root(shell);
            var parsed = root.Parse(Completed(args, root), Configuration);
            if (args.Length == 0 || IsHelp(parsed))
            {
                ParseErrors.ThrowIfNoCommand(parsed);
                HelpPage.Write(parsed.CommandResult.Command, shell);
                return ExitCodes.Ok;
            }
            ParseErrors.Throw(parsed, args);
            return parsed.Invoke(new InvocationConfiguration
            {
                Output = shell.Out,
                Error = shell.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // the shell's token does that
            });
        }
        catch (Exception exception)
        {
            var (code, sentence) = ExitCodes.Of(exception);
            if (shell.Variable("EASEL_DEBUG") is { Length: > 0 } and not "0") shell.Error.WriteLine(exception);
            shell.Error.WriteLine("easel: " + sentence);
            return code;
        }
    }

    public static RootCommand Root(Shell shell)
    {
        var root = new RootCommand("Pictures from words, on your own computer.")
        {
            DrawCommand.Create("draw", DrawTask.Draw, shell),
            DrawCommand.Create("txt2img", DrawTask.Text, shell),
            DrawCommand.Create("img2img", DrawTask.Image, shell),
            DrawCommand.Create("inpaint", DrawTask.Inpaint, shell, "inpainting"),
            DrawCommand.Create("depth2img", DrawTask.Depth, shell),
            DrawCommand.Create("upscale", DrawTask.Upscale, shell, "superresolution"),
            DrawCommand.CreateOptimized("optimized_txt2img", DrawTask.Text, shell),
            DrawCommand.CreateOptimized("optimized_img2img", DrawTask.Image, shell),
            AgainCommand.Create(shell),
            ServeCommand.CreateStart(shell),
            ServeCommand.Create(shell),
            HealthCommand.Create(shell),
            WorkCommand.Create(shell),
            FarmCommand.Create(shell),
            GalleryCommand.Create(shell),
            HintCommand.Create(shell),
            InfoCommand.Create(shell),
            PullCommand.Create(shell),
            ModelsCommand.Create(shell),
            ConvertCommand.Create(shell),
            MergeCommand.Create(shell),
            ExtractCommand.Create(shell),
            SamplersCommand.Create(shell),
            WatermarkCommand.Create(shell),
            TrainCommand.Create(shell),
            CompletionCommand.Create(shell),
            CompletionCommand.CreateAnswers(shell),
        };
        root.Directives.Clear(); // "[a|b]" is a prompt
        return root;
    }

    /// <summary>The command line with the word "draw" put in where it was left out, and the values that flags stand for to which none is given.</summary>
    /// <exception cref="UsageException">The first word is almost a command's name.</exception>
    public static string[] Completed(string[] args, RootCommand root)
    {
        foreach (var knob in Knobs.All)
            for (var i = args.Length - 1; i >= 0 && knob.AloneMeans is not null; i--)
                if (knob.Flags.Contains(args[i]) && (i + 1 == args.Length || !knob.TryParse(args[i + 1], out _)))
                    args = [.. args[..(i + 1)], knob.Format(knob.AloneMeans), .. args[(i + 1)..]];
        if (args.Length == 0 || args[0] is "--version" or "--help" or "-h" or "-?" or "/?" or "/h") return args;
        var names = root.Subcommands.SelectMany(command => command.Aliases.Append(command.Name)).ToList();
        if (names.Contains(args[0])) return args;
        if (args[0] == "help") return [.. args[1..].SkipWhile(word => word == "help"), "--help"];

        var isOneWord = args[0].Length > 0 && args[0].All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') && args[0][0] != '-';
        var known = root.Subcommands.Where(command => !command.Hidden).SelectMany(command => command.Aliases.Append(command.Name));
        if (isOneWord && (Similar.To(args[0], known) ?? (IsLikeACommand(args[0]) ? Similar.Nearest(args[0], known) : null)) is { } meant)
            throw new UsageException($"There is no command '{args[0]}'; did you mean '{meant}'? To draw the word itself: easel draw \"{args[0]}\".");
        return ["draw", .. args];
    }

    /// <summary>Whether a word has the form of a command's name rather than of a thing that could be drawn: "knn2img", "optimized_knn2img".</summary>
    private static bool IsLikeACommand(string word)
    {
        const int shortest = 3;
        var parts = word.Split('2');
        return word.StartsWith("optimized_", StringComparison.OrdinalIgnoreCase)
            || parts.Length == 2 && Array.TrueForAll(parts, part => part.Length >= shortest && part.All(char.IsAsciiLetter));
    }

    private static bool IsHelp(ParseResult parsed) => parsed.Tokens.Any(token => token.Type == TokenType.Option)
        && parsed.RootCommandResult.Command.Options.OfType<HelpOption>().Any(help => parsed.GetResult(help) is { Implicit: false });
}
