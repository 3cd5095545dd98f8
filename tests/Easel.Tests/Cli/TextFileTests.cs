using System.Text;
using Easel.Cli;
using Easel.Cli.Runs;

namespace Easel.Tests.Cli;

/// <summary>Guards that a text file is read as the person meant it, or refused, and never drawn with question marks in silence.</summary>
public sealed class TextFileTests
{
    [Fact]
    public void Every_encoding_with_a_mark_and_UTF8_without_are_read()
    {
        const string text = "café\r\n雪 🦊";
        Encoding[] marked = [new UTF8Encoding(true), Encoding.Unicode, Encoding.BigEndianUnicode, Encoding.UTF32, new UTF32Encoding(true, true)];
        foreach (var encoding in marked)
            Assert.Equal((text, null), TextFile.Decode([.. encoding.GetPreamble(), .. encoding.GetBytes(text)], "f.txt"));
        Assert.Equal((text, null), TextFile.Decode(Encoding.UTF8.GetBytes(text), "f.txt"));
        Assert.Equal(("", null), TextFile.Decode([], "f.txt"));
    }

    [Fact]
    public void Anything_else_is_Windows1252_and_said_so()
    {
        var (text, remark) = TextFile.Decode([.. "plain\ncaf"u8, 0xE9, .. " \n"u8, 0x80, 0x93], "f.txt");
        Assert.Equal("plain\ncafé \n€“", text);
        Assert.Contains("f.txt is not UTF-8: line 2", remark);
    }

    [Theory]
    [InlineData(new byte[] { (byte)'a', 0, (byte)'b', 0 })]                          // UTF-16 without its mark
    [InlineData(new byte[] { (byte)'a', 0 })]
    [InlineData(new byte[] { 0xFF, 0xFE, (byte)'a' })]                               // half a character
    [InlineData(new byte[] { 0xFF, 0xFE, 0, 0xD8, (byte)'a', 0 })]                   // half a pair
    [InlineData(new byte[] { 0xEF, 0xBB, 0xBF, 0xE9 })]
    [InlineData(new byte[] { 0xFE, 0xFF, 0, 0 })]
    public void What_is_no_text_is_refused(byte[] bytes) =>
        Assert.Contains("f.txt", Assert.Throws<UsageException>(() => TextFile.Decode(bytes, "f.txt")).Message);
}
