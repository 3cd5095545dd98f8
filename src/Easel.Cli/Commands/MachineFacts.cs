using Easel.Cli.Runs;

namespace Easel.Cli.Commands;

/// <summary>What this machine is and what Easel uses of it, to be put into a report of a fault.</summary>
internal static class MachineFacts
{
    public static Facts Of(Shell shell)
    {
        var machine = MachineInfo.Read(ModelChoice.CacheFolder(shell));
        var facts = new Facts();
        facts.Add("system", machine.System);
        facts.Add("processor", machine.Processor);
        facts.Add("vectors", string.Join(", ", machine.Vectors));
        facts.Add("threads", $"{machine.Threads} of {machine.Processors}");
        facts.Add("memory free", Megabytes(machine.MemoryFree));
        facts.Add("memory in all", Megabytes(machine.MemoryInAll));
        facts.Add("kernels", machine.Kernels);
        facts.Add("libraries", machine.Libraries);
        facts.Add("limits", machine.Limits);
        facts.Add("folders", machine.Folders);
        return facts;
    }

    private static string Megabytes(long bytes) => $"{bytes >> 20} MB";
}
