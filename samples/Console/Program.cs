// Draws a picture: dotnet run -- "a red apple" apple.png [model]
using Easel;
using Easel.Imaging;

if (args.Length is < 2 or > 3)
{
    Console.Error.WriteLine("usage: dotnet run -- PROMPT FILE [MODEL]");
    return 2;
}
try
{
    using var generator = args.Length == 3 ? ImageGenerator.Load(args[2]) : ImageGenerator.Load();
    var result = generator.Generate(new GenerationRequest { Prompt = args[0], Seed = 1 },
        progress => Console.Error.Write($"\rstep {progress.Step} of {progress.StepCount}"));
    Console.Error.WriteLine();
    foreach (var remark in result.Remarks) Console.Error.WriteLine(remark);
    ImageFile.Save(args[1], result.Images[0].Image);
    return 0;
}
catch (EaselException e) // a setting or a file that cannot be honoured, in one sentence
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
