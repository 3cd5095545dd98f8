using Easel.Kernels;
using static Easel.Kernels.MachineCode.Register;

namespace Easel.Tests.Kernels;

/// <summary>
/// Every instruction against GNU as 2.40 (Intel syntax, <c>{disp32}</c> before those with an offset), with registers on both sides of each bit of their
/// numbers.
/// </summary>
public sealed class MachineCodeTests
{
    public static TheoryData<string, string> Instructions => new()
    {
        { "vpxord zmm5, zmm5, zmm5", "62f15548efed" },
        { "vpxord zmm19, zmm19, zmm19", "62a16540efdb" },
        { "vdpbf16ps zmm3, zmm20, zmm24", "62925e4052d8" },
        { "vdpbf16ps zmm17, zmm9, zmm31", "6282364852cf" },
        { "vmaxps zmm28, zmm0, zmm28", "62017c485fe4" },
        { "vmovups zmm20, [r10+64]", "62c17c4810a240000000" },
        { "vmovups zmm7, [rdi+0]", "62f17c4810bf00000000" },
        { "vmovups [rdx+1216], zmm19", "62e17c48119ac0040000" },
        { "vpbroadcastd zmm24, dword ptr [r11+160]", "62427d485883a0000000" },
        { "vpbroadcastd zmm27, dword ptr [rsi-4]", "62627d48589efcffffff" },
        { "mov rax, r8", "4c89c0" },
        { "mov r10, rdi", "4989fa" },
        { "add r10, 256", "4981c200010000" },
        { "add rdx, 1280", "4881c200050000" },
        { "1: dec rax; {disp32} jnz 1b", "48ffc80f85f7ffffff" },
        { "vzeroupper; ret", "c5f877c3" },
    };

    [Theory]
    [MemberData(nameof(Instructions))]
    public void AnInstructionIsWhatTheAssemblerMakesOfIt(string instruction, string expected)
    {
        var code = new MachineCode();
        switch (instruction)
        {
            case "vpxord zmm5, zmm5, zmm5": code.Zero(5); break;
            case "vpxord zmm19, zmm19, zmm19": code.Zero(19); break;
            case "vdpbf16ps zmm3, zmm20, zmm24": code.DotProduct(3, 20, 24); break;
            case "vdpbf16ps zmm17, zmm9, zmm31": code.DotProduct(17, 9, 31); break;
            case "vmaxps zmm28, zmm0, zmm28": code.Max(28, 0, 28); break;
            case "vmovups zmm20, [r10+64]": code.Load(20, R10, 64); break;
            case "vmovups zmm7, [rdi+0]": code.Load(7, Rdi, 0); break;
            case "vmovups [rdx+1216], zmm19": code.Store(Rdx, 1216, 19); break;
            case "vpbroadcastd zmm24, dword ptr [r11+160]": code.Broadcast(24, R11, 160); break;
            case "vpbroadcastd zmm27, dword ptr [rsi-4]": code.Broadcast(27, Rsi, -4); break;
            case "mov rax, r8": code.Move(Rax, R8); break;
            case "mov r10, rdi": code.Move(R10, Rdi); break;
            case "add r10, 256": code.AddNumber(R10, 256); break;
            case "add rdx, 1280": code.AddNumber(Rdx, 1280); break;
            case "1: dec rax; {disp32} jnz 1b": code.Loop(Rax, 0); break;
            case "vzeroupper; ret": code.Return(); break;
            default: Assert.Fail("No such case: " + instruction); break;
        }
        Assert.Equal(expected, Convert.ToHexStringLower(code.Bytes));
    }
}
