using System.Diagnostics;

namespace Easel.Benchmarks;

/// <summary>How well drawings get on with each other and with other programs: one alone, two and eight processes at once, and one beside a thread that is
/// always busy. Rounds go in turn, so that what else the machine does falls on all alike.</summary>
internal static class Neighbours
{
    public const string Draw = "neighbours-draw", Busy = "neighbours-busy";

    private static readonly (string Name, int Drawings, bool Beside, double Bar)[] Kinds =
        [("one alone", 1, false, 1), ("two at once", 2, false, 2.3), ("one beside a busy thread", 1, true, 1.7), ("eight at once", 8, false, 9)];

    /// <summary>Prints the table.</summary>
    /// <param name="arguments">The model, the side of the picture, the steps, the rounds; what is left out is the small model that comes with Easel, 128, 20
    /// and 3.</param>
    /// <param name="start">Starts this program with arguments, its output redirected.</param>
    public static void Print(string[] arguments, Func<string[], Process> start)
    {
        string[] drawing =
            [Draw, arguments.ElementAtOrDefault(0) ?? BuiltInModel.Path, arguments.ElementAtOrDefault(1) ?? "128", arguments.ElementAtOrDefault(2) ?? "20"];
        var rounds = int.Parse(arguments.ElementAtOrDefault(3) ?? "3");
        var runs = Kinds.Select(_ => new List<(double Wall, double Processor, double Foreign)>()).ToList();
        _ = Run(drawing, 1, beside: false, start); // fills the caches
        for (var round = 0; round < rounds; round++)
            for (var kind = 0; kind < Kinds.Length; kind++) runs[kind].Add(Run(drawing, Kinds[kind].Drawings, Kinds[kind].Beside, start));

        Console.WriteLine("| drawings | until all are done s, min (median) | times one alone | bar | processor s of each | other CPU |");
        Console.WriteLine("|---|---|---|---|---|---|");
        var alone = Median(runs[0].Select(run => run.Wall));
        foreach (var ((name, drawings, _, bar), measured) in Kinds.Zip(runs))
        {
            var (walls, median) = (measured.Select(run => run.Wall).ToList(), Median(measured.Select(run => run.Wall)));
            Console.WriteLine($"| {name} | {walls.Min():0.00} ({median:0.00}) | {median / alone:0.00} | {bar:0.0} "
                + $"| {Median(measured.Select(run => run.Processor)) / drawings:0.00} | {Median(measured.Select(run => run.Foreign)):0%} |");
        }
    }

    /// <summary>What a process that draws does: it says how much processor time it took.</summary>
    public static void DrawOne(string[] arguments)
    {
        using (var generator = ImageGenerator.Load(arguments[0]))
        {
            var side = int.Parse(arguments[1]);
            generator.Generate(new GenerationRequest { Prompt = "a red apple", Width = side, Height = side, Steps = int.Parse(arguments[2]), Seed = 5 });
        }
        using var process = Process.GetCurrentProcess();
        Console.WriteLine(process.TotalProcessorTime.TotalSeconds);
    }

    /// <summary>What a busy neighbour does, until it is ended.</summary>
    public static void BeBusy()
    {
        while (true) Thread.SpinWait(1_000_000);
    }

    private static (double Wall, double Processor, double Foreign) Run(string[] drawing, int count, bool beside, Func<string[], Process> start)
    {
        using var busy = beside ? start([Busy]) : null;
        var (clock, before) = (Stopwatch.StartNew(), ForeignLoad.Busy());
        var processes = Enumerable.Range(0, count).Select(_ => start(drawing)).ToList();
        var processor = processes.Sum(process => double.Parse(process.StandardOutput.ReadToEnd()));
        foreach (var process in processes) process.WaitForExit();
        var wall = clock.Elapsed.TotalSeconds;
        var foreign = (ForeignLoad.Busy() - before - processor) / wall - (beside ? 1 : 0);
        busy?.Kill();
        busy?.WaitForExit();
        foreach (var process in processes) process.Dispose();
        return (wall, processor, Math.Max(0, foreign));
    }

    private static double Median(IEnumerable<double> values) => values.Order().ToList() is var sorted ? sorted[sorted.Count / 2] : 0;
}
