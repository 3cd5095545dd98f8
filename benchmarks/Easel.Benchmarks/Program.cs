using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Easel;
using Easel.Benchmarks;
using Easel.Imaging;
using Easel.Runtime;

// Seconds per step, decode and load times and peak memory of a model of full size, one process per row so that peaks are its own.
//   dotnet run -c Release --project benchmarks/Easel.Benchmarks -- [sd15|sd21|x4] [fp32|bf16|fp16] [side] [steps]
// For x4 the side is that of the small picture, drawn without guidance. fp16 on a CPU keeps weights in fp16 and computes in fp32.
// Without arguments: the table of docs/performance.md.
//   dotnet run -c Release --project benchmarks/Easel.Benchmarks -- server [jobs] [jobs between changes of model]
//   dotnet run -c Release --project benchmarks/Easel.Benchmarks -- server-switch [changes]
// The server's tables, of docs/server.md.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["server", ..])
{
    var tiny = typeof(RandomModel).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "TinyModel").Value!;
    await ServerLoad.Run(Path.GetFullPath(tiny), args.Length > 1 ? int.Parse(args[1]) : 500, args.Length > 2 ? int.Parse(args[2]) : 50);
    return;
}
if (args.Length == 0)
{
    Console.WriteLine("| model | precision | picture | load s | s/step (guided), min (median) | decode s | peak RSS GiB | other processes' CPU |");
    Console.WriteLine("|---|---|---|---|---|---|---|---|");
    string[][] rows = [["sd15", "fp32", "512", "5"], ["sd15", Hardware.HasBFloat16 ? "bf16" : "fp16", "512", "5"], ["sd21", Hardware.HasBFloat16 ? "bf16" : "fp16", "768", "3"], ["x4", "fp32", "512", "1"]];
    foreach (var arguments in rows)
    {
        using var row = Process.Start(Environment.ProcessPath!, [.. AssemblyArgument(), .. arguments])!;
        row.WaitForExit();
    }
    return;
}

if (args is ["server-switch", ..])
{
    await ServerLoad.Switch(args.Length > 1 ? int.Parse(args[1]) : 8);
    return;
}

var (model, side, steps) = (args[0], args.Length > 2 ? int.Parse(args[2]) : 512, args.Length > 3 ? int.Parse(args[3]) : 5);
var folder = RandomModel.Folder(model);
foreach (var file in Directory.EnumerateFiles(folder, "*.safetensors", SearchOption.AllDirectories)) Warm(file);

var foreign = new ForeignLoad();
var clock = Stopwatch.StartNew();
using var generator = ImageGenerator.Load(folder, new LoadOptions { Precision = args[1] switch { "fp32" => Precision.Full, "fp16" => Precision.Float16, _ => Precision.BFloat16 } });
var load = clock.Elapsed.TotalSeconds;

var stepTimes = new List<double>();
double decode = 0, last = 0;
clock.Restart();
var request = new GenerationRequest { Prompt = "a hamster painting with a brush", Steps = steps, Sampler = "euler", Seed = 1, Watermark = false };
generator.Generate(
    model == "x4" ? request with { InitImage = new RgbImage(side, side), GuidanceScale = 1 } : request with { Width = side, Height = side },
    progress =>
    {
        var now = clock.Elapsed.TotalSeconds;
        if (progress.Stage == GenerationStage.Sampling) stepTimes.Add(now - last);
        last = now;
    });
decode = clock.Elapsed.TotalSeconds - last;
if (stepTimes.Count > 1) stepTimes.RemoveAt(0); // includes the text encoder and the first touch of all memory
stepTimes.Sort();
Console.WriteLine($"| {model} | {args[1]} | {side}x{side} | {load:0.0} | {stepTimes[0]:0.00} ({stepTimes[stepTimes.Count / 2]:0.00}) | {decode:0.0} | {PeakMemory() / (double)(1 << 30):0.00} | {foreign.Share():0%} |");

static void Warm(string file)
{
    var buffer = new byte[1 << 20];
    using var stream = File.OpenRead(file);
    while (stream.Read(buffer) > 0) { }
}

static long PeakMemory()
{
    if (!OperatingSystem.IsLinux()) return Process.GetCurrentProcess().PeakWorkingSet64;
    var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
    return 1024 * long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1]);
}

static string[] AssemblyArgument() => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(RandomModel).Assembly.Location] : [];
