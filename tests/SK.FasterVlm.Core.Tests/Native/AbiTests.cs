using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.Native;

/// <summary>The C# structs and imports against the numbers printed by a C program compiled with the pinned headers.</summary>
public class AbiTests
{
    public static TheoryData<string> StructNames => [.. AbiTable.Structs.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(StructNames))]
    public void Struct_HasTheSizeAndOffsetsOfTheHeader(string name)
    {
        (_, int size, string fields) = AbiTable.Structs.Single(s => s.Name == name);
        Type type = typeof(NativeRuntime).Assembly.GetType("SK.FasterVlm.Native." + name, throwOnError: true)!;

        Assert.Equal(size, SizeOf(type));
        string[] words = fields.Split(' ');
        for (int i = 0; i < words.Length; i += 2)
            Assert.Equal((words[i], int.Parse(words[i + 1], null)), (words[i], OffsetOf(type, words[i])));
    }

    [Fact]
    public void Struct_HasNoFieldTheTableDoesNotKnow()
    {
        foreach ((string name, _, string fields) in AbiTable.Structs)
        {
            Type type = typeof(NativeRuntime).Assembly.GetType("SK.FasterVlm.Native." + name, throwOnError: true)!;
            HashSet<string> known = [.. fields.Split(' ').Where((_, i) => i % 2 == 0), "extra", "padding"];
            Assert.All(type.GetFields(BindingFlags.Instance | BindingFlags.Public), f => Assert.Contains(f.Name, known));
        }
    }

    [Fact]
    public void Exports_AreExactlyTheImportsOfTheBindings()
    {
        var imports = typeof(NativeRuntime).Assembly.GetTypes()
            .SelectMany(t => t.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
            .Select(m => (Method: m, Import: m.GetCustomAttribute<LibraryImportAttribute>()?.LibraryName ?? m.GetCustomAttribute<DllImportAttribute>()?.Value))
            .Where(m => m.Import is not null && !m.Method.Name.Contains("__PInvoke", StringComparison.Ordinal))
            .Select(m => $"{m.Import}:{m.Method.Name}")
            .Distinct().Order(StringComparer.Ordinal);
        IEnumerable<string> table = AbiExports.All.SelectMany(l => l.Functions.Select(f => $"{l.Library}:{f}")).Order(StringComparer.Ordinal);

        Assert.Equal(table, imports);
    }

    [Fact]
    public void Imports_LieInTheNativeFolderOnly()
    {
        var outside = typeof(NativeRuntime).Assembly.GetTypes()
            .Where(t => t.Namespace != "SK.FasterVlm.Native")
            .SelectMany(t => t.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public))
            .Where(m => m.Attributes.HasFlag(MethodAttributes.PinvokeImpl));
        Assert.Empty(outside);
    }

    static int SizeOf(Type type) =>
        (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    // Marshal.OffsetOf refuses fixed buffers and function pointers; the distance of two addresses works for every field.
    static int OffsetOf(Type type, string field)
    {
        FieldInfo info = type.GetField(field) ?? throw new MissingFieldException(type.Name, field);
        var method = new DynamicMethod("OffsetOf", typeof(int), [], typeof(AbiTests).Module, skipVisibility: true);
        ILGenerator il = method.GetILGenerator();
        LocalBuilder instance = il.DeclareLocal(type);
        il.Emit(OpCodes.Ldloca, instance);
        il.Emit(OpCodes.Ldflda, info);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Ldloca, instance);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Conv_I4);
        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<int>>()();
    }
}
