using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Easel.Tests.Weights;

// Easel.Fuzz [cases] [seed]: damages the small model files among the goldens and reads them. Exits with 1 at the first file that a reader answers with anything
// but tensors or the exception for bad files; the file is kept, and its path and the exception are printed. A crash of the process leaves the file as well.
var cases = args.Length > 0 ? long.Parse(args[0], CultureInfo.InvariantCulture) : 1_000_000;
var seed = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1;
const long slow = 2000, generous = 256L << 20;

var goldens = typeof(Mutations).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "Goldens").Value!;
var mutations = new Mutations(Path.GetFullPath(goldens), seed);
var path = Path.Combine(Path.GetTempPath(), $"easel-fuzz-{seed}-{Environment.ProcessId}");
var watch = Stopwatch.StartNew();
long opened = 0;
for (long done = 1; done <= cases; done++)
{
    File.Delete(path); // a file written over is flushed to the disk, and a new one is not
    File.WriteAllBytes(path, mutations.Next());
    var (before, began) = (GC.GetAllocatedBytesForCurrentThread(), watch.ElapsedMilliseconds);
    try
    {
        if (Mutations.Survives(path)) opened++;
    }
    catch (Exception error)
    {
        Console.Error.WriteLine($"case {done} of seed {seed}, kept in {path}: {error}");
        return 1;
    }
    var (allocated, took) = (GC.GetAllocatedBytesForCurrentThread() - before, watch.ElapsedMilliseconds - began);
    if (allocated > generous || took > slow)
    {
        Console.Error.WriteLine($"case {done} of seed {seed}, kept in {path}: took {allocated >> 20} MiB and {took} ms");
        return 1;
    }
    if (done % 100_000 == 0) Console.WriteLine($"{done} cases, {opened} opened, {watch.Elapsed.TotalSeconds:f0} s");
}
File.Delete(path);
Console.WriteLine($"{cases} cases of seed {seed}: {opened} opened, {cases - opened} refused, none surprised; {watch.Elapsed.TotalSeconds:f0} s");
return 0;
