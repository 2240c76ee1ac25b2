import com.pixelmed.dicom.AttributeList;
import com.pixelmed.validate.DicomSRValidator;
import java.lang.reflect.Field;
import net.sf.saxon.jaxp.TransformerImpl;

/**
 * Validates several structured reports in one virtual machine, whose start costs seconds.
 *
 * Saxon keeps what document() has read: the context groups, which Java's own processor reads anew
 * for each report, and so takes twenty times as long. What the first pass found in a report must
 * not be kept; the second pass reads it by the same name for each.
 */
public class ValidateReports {
    public static void main(String[] files) throws Exception {
        DicomSRValidator validator = new DicomSRValidator();
        Field field = DicomSRValidator.class.getDeclaredField("transformerPass2");
        field.setAccessible(true);
        TransformerImpl secondPass = (TransformerImpl) field.get(validator);
        for (String file : files) {
            AttributeList list = new AttributeList();
            list.read(file);
            secondPass.getUnderlyingController().clearDocumentPool();
            System.out.println("FILE " + file);
            System.out.println(validator.validate(list));
        }
    }
}
