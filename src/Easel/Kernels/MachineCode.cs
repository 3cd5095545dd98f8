namespace Easel.Kernels;

/// <summary>A very small assembler for x64, for the one instruction that .NET 10 has no intrinsic for: VDPBF16PS, which multiplies pairs of bf16 and adds them
/// in fp32, at twice the speed of fp32. It knows the dozen instructions that <see cref="BFloat16Product"/> is made of; each is documented with what the Intel
/// manual calls it.</summary>
internal sealed unsafe class MachineCode
{
    private readonly List<byte> _bytes = [];

    /// <summary>General registers by their number.</summary>
    public enum Register
    {
        Rax = 0, Rcx = 1, Rdx = 2, Rsi = 6, Rdi = 7, R8 = 8, R9 = 9, R10 = 10, R11 = 11,
    }

    public ReadOnlySpan<byte> Bytes => CollectionsMarshal.AsSpan(_bytes);

    /// <summary>The place of the next instruction, to jump back to.</summary>
    public int Here => _bytes.Count;

    /// <summary>VPXORD z, z, z: all lanes zero.</summary>
    public void Zero(int z) => Vector(map: 1, prefix: 1, opcode: 0xEF, z, z, z);

    /// <summary>VDPBF16PS sum, a, b: in each of 16 lanes, sum += a₀b₀ + a₁b₁ of the two bf16 there.</summary>
    public void DotProduct(int sum, int a, int b) => Vector(map: 2, prefix: 2, opcode: 0x52, sum, a, b);

    /// <summary>VMAXPS result, a, b; b where either is NaN.</summary>
    public void Max(int result, int a, int b) => Vector(map: 1, prefix: 0, opcode: 0x5F, result, a, b);

    /// <summary>VMOVUPS z, [from + offset].</summary>
    public void Load(int z, Register from, int offset) => Memory(map: 1, prefix: 0, opcode: 0x10, z, from, offset);

    /// <summary>VMOVUPS [to + offset], z.</summary>
    public void Store(Register to, int offset, int z) => Memory(map: 1, prefix: 0, opcode: 0x11, z, to, offset);

    /// <summary>VPBROADCASTD z, [from + offset]: the 32 bits there in every lane.</summary>
    public void Broadcast(int z, Register from, int offset) => Memory(map: 2, prefix: 1, opcode: 0x58, z, from, offset);

    /// <summary>MOV to, from (64 bits).</summary>
    public void Move(Register to, Register from) => Add(Rex(from, to), 0x89, ModRm(3, (int)from, (int)to));

    /// <summary>ADD register, number (64 bits).</summary>
    public void AddNumber(Register register, int number)
    {
        Add(Rex(0, register), 0x81, ModRm(3, 0, (int)register));
        _bytes.AddRange(BitConverter.GetBytes(number));
    }

    /// <summary>DEC register; JNZ target: back to <paramref name="target"/> until the register is zero.</summary>
    public void Loop(Register register, int target)
    {
        Add(Rex(0, register), 0xFF, ModRm(3, 1, (int)register), 0x0F, 0x85);
        _bytes.AddRange(BitConverter.GetBytes(target - (Here + 4)));
    }

    /// <summary>VZEROUPPER; RET.</summary>
    public void Return() => Add(0xC5, 0xF8, 0x77, 0xC3);

    /// <summary>Copies the code into memory of its own, which is then readable and executable and no longer writable. It lives as long as the
    /// process.</summary>
    /// <returns>Null where the system does not allow it.</returns>
    public void* ToExecutable()
    {
        const int Read = 1, Write = 2, Execute = 4, Private = 2, AnonymousOnLinux = 0x20, AnonymousOnMac = 0x1000;
        var size = (nuint)(_bytes.Count + 4095) / 4096 * 4096;
        var memory = MMap(null, size, Read | Write, Private | (OperatingSystem.IsMacOS() ? AnonymousOnMac : AnonymousOnLinux), -1, 0);
        if (memory == (void*)-1) return null;
        Bytes.CopyTo(new Span<byte>(memory, _bytes.Count));
        if (MProtect(memory, size, Read | Execute) == 0) return memory;
        _ = MUnmap(memory, size);
        return null;
    }

    private void Add(params ReadOnlySpan<byte> bytes) => _bytes.AddRange(bytes);

    /// <summary>REX.W with the high bits of the two operands.</summary>
    private static byte Rex(Register operand, Register target) => (byte)(0x48 | (int)operand >> 3 << 2 | (int)target >> 3);

    private static byte ModRm(int mode, int operand, int target) => (byte)(mode << 6 | (operand & 7) << 3 | target & 7);

    /// <summary>An instruction on three vector registers.</summary>
    private void Vector(int map, int prefix, byte opcode, int result, int first, int second)
    {
        Evex(map, prefix, result, first, second >> 3 & 1, second >> 4 & 1);
        Add(opcode, ModRm(3, result, second));
    }

    /// <summary>An instruction on a vector register and memory at a base register plus 32 bits of offset.</summary>
    private void Memory(int map, int prefix, byte opcode, int vector, Register address, int offset)
    {
        Evex(map, prefix, vector, 0, (int)address >> 3, 0);
        Add(opcode, ModRm(2, vector, (int)address));
        _bytes.AddRange(BitConverter.GetBytes(offset));
    }

    /// <summary>The four bytes before the opcode of a 512-bit instruction (Intel manual volume 2A, 2.7.1): opcode map and mandatory prefix (0 none, 1 0x66, 2
    /// 0xF3), and the high bits of the register numbers, inverted.</summary>
    private void Evex(int map, int prefix, int register, int first, int baseBit3, int baseBit4)
    {
        static int Inverted(int bit) => bit & 1 ^ 1;
        Add(0x62,
            (byte)(Inverted(register >> 3) << 7 | Inverted(baseBit4) << 6 | Inverted(baseBit3) << 5 | Inverted(register >> 4) << 4 | map),
            (byte)((~first & 15) << 3 | 4 | prefix),
            (byte)(2 << 5 | Inverted(first >> 4) << 3));
    }

    [DllImport("libc", EntryPoint = "mmap")]
    private static extern void* MMap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [DllImport("libc", EntryPoint = "mprotect")]
    private static extern int MProtect(void* address, nuint length, int protection);

    [DllImport("libc", EntryPoint = "munmap")]
    private static extern int MUnmap(void* address, nuint length);
}
