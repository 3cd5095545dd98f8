using Easel.Tests.Support;

namespace Easel.Tests.Fuzzing;

/// <summary>Guards that no reader is surprised by damage: it reads, or refuses in a sentence, in little memory and time. A few hundred cases each;
/// tests/Easel.Fuzz reads millions.</summary>
public sealed class FuzzingTests
{
    public static TheoryData<string> Readers()
    {
        using var readers = new FuzzedReaders(Goldens.Path(""), 1);
        return [.. readers.All.Select(reader => reader.Name).Where(name => name != "model")]; // which HostileFilesTests has
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public void No_damage_surprises_a_reader(string name)
    {
        using var readers = new FuzzedReaders(Goldens.Path(""), 20260101);
        var (reader, damage, read) = (readers.All.Single(row => row.Name == name), new Damage(20260101), 0);
        for (var i = 0; i < 400; i++)
        {
            var bytes = reader.Next(damage);
            var (isRead, fault) = reader.Try(bytes);
            Assert.True(fault is null, $"case {i}: {fault}\n{Convert.ToBase64String(bytes)}");
            if (isRead) read++;
        }
        Assert.True(read > 40, $"{read} of 400 were read: the damage is too great to try much");
    }

    /// <summary>Cases that surprised a reader once; each is named by its reader.</summary>
    [Fact]
    public void What_surprised_a_reader_once_does_not_again()
    {
        using var readers = new FuzzedReaders(Goldens.Path(""), 1);
        foreach (var file in Directory.GetFiles(Goldens.Path("fuzz"), "*.case"))
        {
            var reader = readers.All.Where(row => Path.GetFileName(file).StartsWith(row.Name + "-", StringComparison.Ordinal)).MaxBy(row => row.Name.Length);
            Assert.NotNull(reader);
            Assert.Null(reader.Try(File.ReadAllBytes(file)).Fault);
        }
    }
}
