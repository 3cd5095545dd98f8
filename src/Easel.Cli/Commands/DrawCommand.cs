using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;

namespace Easel.Cli.Commands;

/// <summary>The commands that draw. They differ in what they ask for and in their defaults; their flags are the same.</summary>
internal static class DrawCommand
{
    public static Command Create(string name, DrawTask task, Shell shell, params string[] aliases)
    {
        var (summary, examples) = About(task);
        var command = Make(name, task, shell, optimized: false, new HelpNotes(task == DrawTask.Upscale ? "[picture] [flags]"
            : "[\"prompt\"] [flags]", examples));
        command.Description = summary;
        foreach (var alias in aliases) command.Aliases.Add(alias);
        return command;
    }

    /// <summary>A script of optimizedSD, for command lines that were written for it.</summary>
    public static Command CreateOptimized(string name, DrawTask task, Shell shell)
    {
        var command = Make(name, task, shell, optimized: true, new HelpNotes("[flags]", []));
        command.Description = $"as optimizedSD's {name}.py";
        command.Hidden = true;
        command.Aliases.Add(name.Replace('_', '-'));
        return command;
    }

    /// <summary>The flags of a command line and what they say, for tests and for completion.</summary>
    public static DrawSettings Read(ParseResult parsed)
    {
        var command = (DrawingCommand)parsed.CommandResult.Command;
        return DrawSettings.Read(parsed, command.Flags, parsed.GetValue((Argument<string[]>)command.Words) ?? [], command.Task, command.IsOptimized);
    }

    private static DrawingCommand Make(string name, DrawTask task, Shell shell, bool optimized, HelpNotes notes)
    {
        var words = new Argument<string[]>("prompt") { Arity = ArgumentArity.ZeroOrMore, Description = "what to draw" };
        var command = new DrawingCommand(name, task, optimized, new DrawFlags(), words, notes);
        command.SetAction(parsed => new DrawRun(Read(parsed), shell).Execute());
        return command;
    }

    private static (string Summary, string[] Examples) About(DrawTask task) => task switch
    {
        DrawTask.Text => ("text to image",
        [
            "easel txt2img \"a hamster painting with a brush\" --model sd-v1-4.ckpt",
            "easel txt2img --prompt \"hello world\" --plms --ckpt sd-v1-4.ckpt --skip_grid --n_samples 1",
        ]),
        DrawTask.Image => ("image to image",
        [
            "easel img2img \"a bird on a tree branch\" -i bird.png --strength 0.8",
            "easel img2img --prompt \"A bird is sitting on a tree branch\" --ckpt sd-v1-4.ckpt --init-img bird.png --strength 0.8",
        ]),
        DrawTask.Inpaint => ("draw a part of a picture anew, or go on beyond its edges",
        [
            "easel inpaint \"a red hat\" -i portrait.png --mask hat.png",
            "easel inpaint \"a wide meadow\" -i tree.png --extend left=128,right=128",
        ]),
        DrawTask.Depth => ("draw a picture anew in the shape of another",
            ["easel depth2img \"a marble statue\" -i portrait.png -m 512-depth-ema.ckpt --depth depth.png"]),
        DrawTask.Upscale => ("enlarge a picture",
        [
            "easel upscale photo.jpg --times 2",
            "easel upscale small.png -m x4-upscaler-ema.ckpt -o large.png",
            "easel superresolution configs/stable-diffusion/x4-upscaling.yaml x4-upscaler-ema.ckpt -i small.png",
        ]),
        _ => ("draw what a prompt says; the word 'draw' may be left out",
        [
            "easel \"a hamster painting with a brush\" -o hamster.png --show",
            "easel \"a lighthouse at dusk\" --count 4 --seed 7 --width 768",
            "easel \"as a watercolour\" -i photo.jpg --strength 0.6",
        ]),
    };
}

/// <summary>A command with all the flags of drawing.</summary>
internal sealed class DrawingCommand : Command, IHasHelp
{
    public DrawingCommand(string name, DrawTask task, bool isOptimized, DrawFlags flags, Argument words, HelpNotes notes) : base(name)
    {
        (Task, IsOptimized, Flags, Words, Notes) = (task, isOptimized, flags, words, notes);
        foreach (var option in flags.Groups.SelectMany(group => group.Options)) Options.Add(option);
        Arguments.Add(words);
    }

    public DrawTask Task { get; }
    public bool IsOptimized { get; }
    public DrawFlags Flags { get; }
    public Argument Words { get; }
    public HelpNotes Notes { get; }
    public IReadOnlyList<FlagGroup> Groups => Flags.Groups;
}
