using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;

namespace Easel.Cli.Commands;

/// <summary><c>easel samplers</c>: the samplers and schedules, and every name they answer to.</summary>
internal static class SamplersCommand
{
    public static Command Create(Shell shell)
    {
        var json = Flags.Switch("print JSON", "--json");
        return new PlainCommand("samplers", "list the samplers and schedules",
            new HelpNotes("[--json]", ["easel \"a fox\" --sampler euler_a --schedule karras"]), [json], parsed =>
        {
            if (parsed.GetValue(json)) shell.Out.WriteLine(Json());
            else Write(shell.Out);
        });
    }

    private static void Write(TextWriter output)
    {
        output.WriteLine($"{"sampler",-20} {"as AUTOMATIC1111",-20} {"schedule",-13} {"runs/step",-10} other names");
        foreach (var sampler in SamplerInfo.All)
        {
            var (runs, aliases) = (sampler.EvaluationsPerStep, string.Join(", ", sampler.Aliases));
            output.WriteLine($"{sampler.Name,-20} {sampler.DisplayName,-20} {sampler.DefaultSchedule,-13} {runs,-10} {aliases}".TrimEnd());
        }
        output.WriteLine();
        output.WriteLine($"{"schedule",-20} {"as AUTOMATIC1111",-20} other names");
        foreach (var schedule in ScheduleInfo.All)
            output.WriteLine($"{schedule.Name,-20} {schedule.DisplayName,-20} {string.Join(", ", schedule.Aliases)}".TrimEnd());
    }

    private static string Json() => JsonLines.Document(new
    {
        Samplers = SamplerInfo.All.Select(s => new { s.Name, s.DisplayName, s.DefaultSchedule, s.EvaluationsPerStep, s.Stochastic, s.Aliases }),
        Schedules = ScheduleInfo.All.Select(s => new { s.Name, s.DisplayName, s.Aliases }),
    });
}
